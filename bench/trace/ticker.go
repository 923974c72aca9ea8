package trace

// A ticker says when event time has passed a multiple of its period.
type ticker struct {
	period int64 // 0 for never
	begun  bool
	next   int64
}

func newTicker(period int64) ticker { return ticker{period: period} }

// due says whether a multiple of the period has been passed since it last was
// due. The first time is where it begins to count.
func (t *ticker) due(now int64) bool {
	if t.period == 0 || t.begun && now < t.next {
		return false
	}
	was := t.begun
	t.begun = true
	t.next = (now/t.period + 1) * t.period
	return was
}
