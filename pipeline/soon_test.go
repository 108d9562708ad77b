package pipeline

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// markStage finds every event with the word marker.
type markStage struct{}

func (markStage) Process(_ context.Context, c *event.Commit) error {
	for _, p := range c.Pages {
		for i := range p.N {
			if raw := p.Bytes(p.Raw[i]); bytes.Contains(raw, []byte("marker")) {
				c.Findings = append(c.Findings, event.Finding{ID: string(raw)})
			}
		}
	}
	return nil
}

// What was found is stored at once, with its events and those before them; what nothing was found in waits for its time.
func TestWhatWasFoundDoesNotWaitForTheTimeOfItsCommit(t *testing.T) {
	bothWays(t, func(t *testing.T, s *site) {
		s.cfg.Stages, s.cfg.Rows, s.cfg.Interval, s.cfg.Soon = []Stage{markStage{}}, 10_000, time.Hour, 20*time.Millisecond
		s.append(s.log, "")
		s.start()
		s.append(s.log, text(lines(0, 10)))
		s.wait("they wait", s.log, func(st SourceStatus) bool { return st.Pending == 10 })
		time.Sleep(10 * s.cfg.Soon)
		if n := s.store.len(); n != 0 {
			t.Errorf("%d events are stored, in which nothing was found", n)
		}
		s.append(s.log, "marker 1\n")
		s.expect(append(lines(0, 10), "marker 1")...)
		s.append(s.log, text(lines(10, 12))+"marker 2\n")
		s.expect(append(append(lines(0, 10), "marker 1"), append(lines(10, 12), "marker 2")...)...)
		s.halt()
		if n := len(s.store.findings); n != 2 {
			t.Errorf("%d findings are stored, want 2", n)
		}
	})
}
