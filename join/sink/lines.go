package sink

// Lines writes lines as they are.
type Lines struct{ Part *Part }

// Add adds lines.
func (l Lines) Add(lines []byte) error { return l.Part.Extend(append(l.Part.Buffer(), lines...)) }

// Close does nothing: lines end by themselves.
func (l Lines) Close() error { return nil }

// An Adder takes samples as they are to stand in the output, lines or packed, in their order. Close
// ends the output, but leaves its Part open.
type Adder interface {
	Add([]byte) error
	Close() error
}
