package pool

// A queue is some of a policy's frames, in an order. A frame is in one queue at most of
// those that share links.
type queue struct {
	links      []link // by frame
	young, old int32  // ends; -1 if it is empty
	length     int
	id         uint8 // what links say of the frames in it
}

type link struct {
	younger, older int32
	queue          uint8 // 0: none
}

func newQueue(links []link, id uint8) queue { return queue{links: links, young: -1, old: -1, id: id} }

// push puts a frame at the young end.
func (q *queue) push(f int) {
	q.links[f] = link{younger: -1, older: q.young, queue: q.id}
	if q.young >= 0 {
		q.links[q.young].younger = int32(f)
	} else {
		q.old = int32(f)
	}
	q.young = int32(f)
	q.length++
}

// holds says whether a frame is in the queue.
func (q *queue) holds(f int) bool { return q.links[f].queue == q.id }

// remove takes a frame out that is in the queue.
func (q *queue) remove(f int) {
	l := q.links[f]
	if l.younger >= 0 {
		q.links[l.younger].older = l.older
	} else {
		q.young = l.older
	}
	if l.older >= 0 {
		q.links[l.older].younger = l.younger
	} else {
		q.old = l.younger
	}
	q.links[f] = link{}
	q.length--
}

// take removes and returns the oldest frame that can be taken, or -1. Those that cannot
// are moved to the young end, so that they are not met again soon.
func (q *queue) take(take func(frame int) bool) int {
	for range q.length {
		f := int(q.old)
		ok := take(f)
		q.remove(f)
		if ok {
			return f
		}
		q.push(f)
	}
	return -1
}
