package automaton

import "encoding/binary"

// An ahead passes over what comes in a state: first the run of bytes that leave it as it is, then the stretch of bytes that
// texts mostly have behind it. A stretch is up to eight ASCII bytes that lead to another state; one comparison tells
// whether they come.
type ahead struct {
	skip   *skip  // nil without
	length int    // of the stretch, in bytes; 0 without
	low    uint64 // the least that each of its bytes may be,
	above  uint64 // what brings those above the greatest to 128,
	mask   uint64 // and the highest bit of each
	places []place
	next   uint32 // row of the state behind it
	then   *ahead // of that state
}

// A place is one that a register takes, so many bytes behind the beginning of a stretch.
type place struct {
	reg  uint32
	dist int32
}

// pass goes on from p, in the state of row, as long as what comes is what mostly comes.
func (a *ahead) pass(b []byte, p int, row uint32, regs *[localRegs]int32) (int, uint32) {
	for a != nil {
		if a.skip != nil {
			p = a.skip.from(b, p)
		}
		var w uint64
		switch {
		case p+8 <= len(b):
			w = binary.LittleEndian.Uint64(b[p:])
		case p+a.length <= len(b) && len(b) >= 8:
			w = lastBytes(b, p)
		default:
			return p, row
		}
		// no byte borrows from the next or carries into it before one that does not belong here, which shows by its
		// highest bit
		if a.length == 0 || ((w-a.low)|(w+a.above)|w)&a.mask != 0 {
			break
		}
		for _, at := range a.places {
			regs[at.reg%localRegs] = int32(p) + at.dist
		}
		p += a.length
		row, a = a.next, a.then
	}
	return p, row
}

// lastBytes returns the fewer than eight bytes from p as a word. b has eight in all.
func lastBytes(b []byte, p int) uint64 {
	return binary.LittleEndian.Uint64(b[len(b)-8:]) >> (8 * (p + 8 - len(b)) & 63)
}

// add makes the stretch one longer: by a byte from lo to hi, whose place goes into register set.
func (a *ahead) add(lo, hi byte, set uint16) {
	shift := 8 * a.length
	a.low |= uint64(lo) << shift
	a.above |= uint64(highest-hi) << shift
	a.mask |= 0x80 << shift
	if set != regScratch {
		a.places = append(a.places, place{uint32(set), int32(a.length)})
	}
	a.length++
}

// cut makes the stretch one shorter.
func (a *ahead) cut() {
	a.length--
	a.mask &^= 0x80 << (8 * a.length)
	if n := len(a.places); n > 0 && a.places[n-1].dist == int32(a.length) {
		a.places = a.places[:n-1]
	}
}
