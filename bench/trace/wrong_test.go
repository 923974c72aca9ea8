package trace

import (
	"errors"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// A store that is wrong once is found out, and the error says where.
func TestAWrongAnswerIsFoundOut(t *testing.T) {
	data := record(t, 6, 2000, true)
	for _, spoil := range []func(*liar){
		func(l *liar) { l.loseGet = 100 },
		func(l *liar) { l.cutGet = 50 },
		func(l *liar) { l.loseMove = 200 },
		func(l *liar) { l.cutMove = 201 },
		func(l *liar) { l.addMove = 30 },
	} {
		l := &liar{Store: NewReference()}
		spoil(l)
		_, err := replay(data, l)
		var mismatch *MismatchError
		if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "of the trace") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	truth, err := replay(data, NewReference())
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := replay(data, &liar{Store: NewReference(), turnGet: 10}); err != nil || sum == truth {
		t.Errorf("a byte turned in a value: error %v, the digest is %x and should not be", err, sum)
	}
}

// A liar gives one wrong answer, at the call of that number.
type liar struct {
	statelab.Store
	loseGet, cutGet, turnGet   int
	loseMove, cutMove, addMove int
}

func (l *liar) Get(dst, key []byte) ([]byte, error) {
	value, err := l.Store.Get(dst, key)
	if err != nil || len(value) == 0 {
		return value, err
	}
	if l.loseGet--; l.loseGet == 0 {
		return dst, statelab.ErrNotFound
	}
	if l.cutGet--; l.cutGet == 0 {
		value = value[:len(value)-1]
	}
	if l.turnGet--; l.turnGet == 0 {
		value[0] ^= 1
	}
	return value, err
}

func (l *liar) Iter(r statelab.Range) (statelab.Iterator, error) {
	it, err := l.Store.Iter(r)
	return &lyingIterator{it, l}, err
}

type lyingIterator struct {
	statelab.Iterator
	l *liar
}

func (it *lyingIterator) Next() bool {
	ok := it.Iterator.Next()
	if !ok {
		it.l.addMove--
		return it.l.addMove == 0
	}
	if it.l.loseMove--; it.l.loseMove == 0 {
		return it.Iterator.Next() && false
	}
	return true
}

func (it *lyingIterator) Value() []byte {
	value := it.Iterator.Value()
	if len(value) > 0 {
		if it.l.cutMove--; it.l.cutMove == 0 {
			return value[1:]
		}
	}
	return value
}
