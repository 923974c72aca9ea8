package pipeline

import (
	"time"

	"github.com/statelab/statelab/join/source"
)

// A live reads a source that may have no row for any time, on a goroutine of its own, so
// that the join can do something else meanwhile. Rows come in chunks, of which there are
// liveChunks and no more: who fills them waits until one is free. A chunk is handed over when it
// is full, or when the source is about to wait.
type live struct {
	source     *source.Source
	full, free chan *chunk
	stop, done chan struct{}
	ready      chan<- struct{} // told of each chunk

	filling *chunk // the reader's
	caught  bool   // the reader has said that it is at the end

	current *chunk // the join's
	at      int    // the next row of it
}

// A chunk is rows of a source, and what came after them.
type chunk struct {
	rows  []source.Row
	bytes []byte
	atEnd bool  // of a file that is followed: there was no more
	err   error // io.EOF at the end of the source
}

const (
	liveChunks = 4
	// liveRows and liveBytes are those of a full chunk.
	liveRows  = 1024
	liveBytes = 256 << 10
	// livePoll is how often a file is looked at that has no more to read: often enough
	// for what it adds to the lag to be no more than what a person would notice.
	livePoll = 50 * time.Millisecond
)

func startLive(s *source.Source, ready chan<- struct{}) *live {
	l := &live{
		source: s, full: make(chan *chunk, liveChunks), free: make(chan *chunk, liveChunks),
		stop: make(chan struct{}), done: make(chan struct{}), ready: ready, filling: &chunk{},
	}
	for range liveChunks - 1 {
		l.free <- &chunk{}
	}
	s.OnWait(l.wait)
	go l.read()
	return l
}

// read reads the source to its end, or until it is stopped.
func (l *live) read() {
	defer close(l.done)
	var row source.Row
	for {
		if err := l.source.Next(&row); err != nil {
			l.filling.err = err
			l.push()
			return
		}
		l.caught = false
		l.filling.add(&row)
		if len(l.filling.rows) >= liveRows || len(l.filling.bytes) >= liveBytes {
			if !l.hand() {
				return
			}
		}
	}
}

// wait hands over what there is before the source waits.
func (l *live) wait() bool {
	atEnd := l.source.Follows()
	if len(l.filling.rows) > 0 || atEnd && !l.caught {
		l.filling.atEnd, l.caught = atEnd, atEnd
		if !l.hand() {
			return false
		}
	}
	if !atEnd {
		return true
	}
	select {
	case <-l.stop:
		return false
	case <-time.After(livePoll):
		return true
	}
}

// hand hands over the chunk that is being filled, and takes another. It returns false if it is
// stopped.
func (l *live) hand() bool {
	l.push()
	select {
	case l.filling = <-l.free:
		return true
	case <-l.stop:
		return false
	}
}

func (l *live) push() {
	l.full <- l.filling // there is room for as many as there are
	select {
	case l.ready <- struct{}{}:
	default: // the join has been told, and not looked yet
	}
}

// next returns the next row, if it is there. Its slices are valid until the next call.
func (l *live) next(row *source.Row) (ok bool, err error) {
	for l.current == nil || l.at == len(l.current.rows) {
		if l.current != nil {
			if l.current.err != nil {
				return false, l.current.err
			}
			if l.current.atEnd && len(l.full) == 0 {
				return false, nil // isCaughtUp looks at it
			}
			l.current.clear()
			l.free <- l.current
			l.current = nil
		}
		select {
		case l.current = <-l.full:
			l.at = 0
		default:
			return false, nil
		}
	}
	*row = l.current.rows[l.at]
	l.at++
	return true, nil
}

// hasMore says whether next would return a row, or an error.
func (l *live) hasMore() bool {
	return len(l.full) > 0 || l.current != nil && (l.at < len(l.current.rows) || l.current.err != nil)
}

// isCaughtUp says whether the source is followed, and all that was in its file has been read.
func (l *live) isCaughtUp() bool {
	return !l.hasMore() && l.current != nil && l.current.atEnd
}

// end has the reader stop, and returns whether it has. It does so soon if it waits for nothing but a
// file.
func (l *live) end(soon bool) bool {
	close(l.stop)
	if soon {
		<-l.done
		return true
	}
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// add copies a row.
func (c *chunk) add(row *source.Row) {
	kept := *row
	kept.Key, kept.Value = nil, nil
	if row.Class == source.Event || row.Class == source.Bad {
		kept.Key, kept.Value = c.keep(row.Key), c.keep(row.Value)
	}
	c.rows = append(c.rows, kept)
}

// keep copies bytes. Earlier copies stay valid when c.bytes moves.
func (c *chunk) keep(b []byte) []byte {
	n := len(c.bytes)
	c.bytes = append(c.bytes, b...)
	return c.bytes[n:len(c.bytes):len(c.bytes)]
}

func (c *chunk) clear() { *c = chunk{rows: c.rows[:0], bytes: c.bytes[:0]} }
