package storetest

// shrink returns a part of the failing history that still breaks the same
// clause, and its failure, having played at most runs times. It is delta debugging: it leaves out ever shorter
// chunks, down to single steps, and then single operations of batches.
func shrink(steps []step, f *failure, runs int, play func([]step) *failure) ([]step, *failure) {
	still := func(candidate []step) bool {
		if runs == 0 {
			return false
		}
		runs--
		g := play(candidate)
		if g == nil || g.clause != f.clause {
			return false
		}
		f = g
		return true
	}
	if f.step+1 < len(steps) && still(steps[:f.step+1]) {
		steps = steps[:f.step+1]
	}
	for chunk := max(len(steps)/2, 1); ; chunk = max(chunk/2, 1) {
		shorter := leaveOut(steps, chunk, still)
		done := chunk == 1 && len(shorter) == len(steps)
		steps = shorter
		if done || runs == 0 {
			break
		}
	}
	for i := range steps {
		steps = shrinkBatch(steps, i, still)
	}
	return steps, f
}

// leaveOut leaves out each chunk of this length that is not needed.
func leaveOut(steps []step, chunk int, still func([]step) bool) []step {
	for from := 0; from < len(steps); {
		to := min(from+chunk, len(steps))
		candidate := append(append([]step(nil), steps[:from]...), steps[to:]...)
		if still(candidate) {
			steps = candidate
		} else {
			from = to
		}
	}
	return steps
}

// shrinkBatch leaves out the operations of step i that are not needed, and
// shortens texts.
func shrinkBatch(steps []step, i int, still func([]step) bool) []step {
	try := func(ops []opText) {
		candidate := append([]step(nil), steps...)
		candidate[i].ops = ops
		if still(candidate) {
			steps = candidate
		}
	}
	for n := len(steps[i].ops) - 1; n >= 0 && len(steps[i].ops) > 1; n-- {
		ops := steps[i].ops
		try(append(append([]opText(nil), ops[:n]...), ops[n+1:]...))
	}
	for n, o := range steps[i].ops {
		if o.value.fill > 0 {
			ops := append([]opText(nil), steps[i].ops...)
			ops[n].value.fill = 0
			try(ops)
		}
	}
	return steps
}
