package arena

// Grains number pieces, so that a set of some of them can be a bitmap. That of a
// piece of at least GrainSize bytes is no other's as long as the piece is in use,
// and neighbours have grains that are near each other.

// GrainSize is the size in bytes from which on a piece has a grain to itself. An
// arena of slabs has a grain for so many bytes.
const GrainSize = 1 << grainShift * wordSize

const grainShift = 2 // of a Ref, to its grain, in slabs

// Grain returns the grain of a piece; that of Ref 0 is 0, and no piece's.
func (a *Arena) Grain(ref Ref) uint32 { return uint32(ref >> (a.grainShift & 31)) }

// AtGrain returns the piece, which must be in use, of a grain.
func (a *Arena) AtGrain(grain uint32) Ref {
	if s, ok := a.from.(*slabs); ok {
		return s.atGrain(grain)
	}
	return Ref(grain)
}

// atGrain returns the first beginning of a piece of the grain's span that does not
// lie before the grain.
func (s *slabs) atGrain(grain uint32) Ref {
	ref := Ref(grain) << grainShift
	page := uint32(ref >> pageShift)
	if int(page) >= len(s.spans) { // where no span was ever
		return ref
	}
	page -= uint32(s.spans[page].back)
	class := s.spans[page].class
	if class == 0 { // a piece with pages of its own
		return ref
	}
	first, words := Ref(page)<<pageShift, Ref(s.size[class]/wordSize)
	return first + (ref-first+words-1)/words*words
}
