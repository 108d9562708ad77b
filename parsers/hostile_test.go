package parsers_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// hostileLine writes a line that begins like one of the sample's, and goes on with pieces of it and of what formats look
// for.
func hostileLine(r *rand.Rand, sample []byte, size int) []byte {
	pieces := []string{" ", `"`, "[", "] ", ": ", " 1", "2026-11-24", "10:00:00", ".5", "from ", " - ", "=", "(", `\`, "\x1d", "é", "\xff"}
	lines := bytes.Split(sample, []byte("\n"))
	first := lines[r.IntN(len(lines))]
	line := append([]byte(nil), first[:r.IntN(len(first)+1)]...)
	for len(line) < size {
		switch at := r.IntN(len(sample)); r.IntN(3) {
		case 0:
			line = append(line, byte(32+r.IntN(95)))
		case 1:
			line = append(line, sample[at:min(len(sample), at+r.IntN(20))]...)
		default:
			line = append(line, pieces[r.IntN(len(pieces))]...)
		}
	}
	return append(bytes.ReplaceAll(line, []byte("\n"), []byte(" ")), '\n')
}

// Whoever writes into a log must not be able to stop it from being read: no line takes much longer than its length calls
// for. Counted is CPU time, which other work on the machine does not add to; most formats need a hundredth of the bound.
func TestHostileLinesTakeTimeByTheirLengthOnly(t *testing.T) {
	const size, bound = 20_000, 50 * time.Microsecond // a byte
	for _, format := range shipped(t).Formats() {
		r := rand.New(rand.NewPCG(13, 5))
		text := sample(t, format)
		d := decoder(t, shipped(t), format, format+".log")
		for range 6 {
			line := hostileLine(r, text, size)
			var b event.Batch
			from := cpu()
			d.Decode(&b, line, 0)
			if took := cpu() - from; took > bound*time.Duration(len(line)) {
				t.Errorf("%s: %v for %d bytes: %.200q…", format, took, len(line), line)
			}
			b.Release()
		}
	}
}
