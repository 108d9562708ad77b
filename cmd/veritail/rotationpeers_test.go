package main

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	hpcloud "github.com/hpcloud/tail"
	nxadm "github.com/nxadm/tail"
)

// A tailing is a library that follows a file. It gives the lines, each with the offset that it says it has come to.
type tailing interface {
	next(within time.Duration) (line string, off int64, ok bool)
	stop()
}

type hpcloudTail struct{ t *hpcloud.Tail }

func (h hpcloudTail) next(within time.Duration) (string, int64, bool) {
	select {
	case line, ok := <-h.t.Lines:
		if !ok {
			return "", 0, false
		}
		off, err := h.t.Tell()
		if err != nil { // between two files
			off = 0
		}
		return line.Text, off, true
	case <-time.After(within):
		return "", 0, false
	}
}

func (h hpcloudTail) stop() { stopTail(h.t.Stop, h.t.Lines) }

type nxadmTail struct{ t *nxadm.Tail }

func (x nxadmTail) next(within time.Duration) (string, int64, bool) {
	select {
	case line, ok := <-x.t.Lines:
		if !ok {
			return "", 0, false
		}
		return line.Text, line.SeekInfo.Offset, true
	case <-time.After(within):
		return "", 0, false
	}
}

func (x nxadmTail) stop() { stopTail(x.t.Stop, x.t.Lines) }

// stopTail stops a library, which hangs while nobody takes its lines. Nobody asks any more why it ended.
func stopTail[L any](stop func() error, lines <-chan L) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = stop()
	}()
	for {
		select {
		case <-lines:
		case <-done:
			return
		}
	}
}

var tailings = []struct {
	name   string
	follow func(path string, off int64) (tailing, error)
}{
	{"hpcloud", func(path string, off int64) (tailing, error) {
		t, err := hpcloud.TailFile(path, hpcloud.Config{Follow: true, ReOpen: true, Logger: hpcloud.DiscardingLogger, Location: &hpcloud.SeekInfo{Offset: off, Whence: io.SeekStart}})
		return hpcloudTail{t}, err
	}},
	{"nxadm", func(path string, off int64) (tailing, error) {
		t, err := nxadm.TailFile(path, nxadm.Config{Follow: true, ReOpen: true, CompleteLines: true, Logger: nxadm.DiscardingLogger, Location: &nxadm.SeekInfo{Offset: off, Whence: io.SeekStart}})
		return nxadmTail{t}, err
	}},
}

// BenchmarkRotationMatrix runs two libraries through the rotations of TestTortureRotationMatrix, with the same writer of plain lines, and
// counts what each loses and gives again. With kills they are ended without notice, as often as the daemon is, and begin anew at the offset
// that they had told with the last line they gave, in the file that has the name then: they keep nothing else.
func BenchmarkRotationMatrix(b *testing.B) {
	for _, r := range rotators {
		for _, kills := range []bool{false, true} {
			for _, lib := range tailings {
				name := r.name + "/" + lib.name
				if kills {
					name += ", killed"
				}
				b.Run(name, func(b *testing.B) {
					var all tally
					for b.Loop() {
						all.add(peerCell(b, r, kills, lib.follow))
					}
					for unit, n := range map[string]int{"events": all.events, "rotations": all.rotations, "kills": all.kills, "lost": all.lost, "repeated": all.repeated, "torn": all.torn, "destroyed": all.destroyed} {
						b.ReportMetric(float64(n)/float64(b.N), unit)
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

// A tally is what came of what a writer wrote: torn are lines that are no whole ones.
type tally struct{ events, rotations, kills, lost, repeated, torn, destroyed int }

func (t *tally) add(o tally) {
	t.events, t.rotations, t.kills = t.events+o.events, t.rotations+o.rotations, t.kills+o.kills
	t.lost, t.repeated, t.torn, t.destroyed = t.lost+o.lost, t.repeated+o.repeated, t.torn+o.torn, t.destroyed+o.destroyed
}

func peerCell(b *testing.B, r rotator, kills bool, follow func(path string, off int64) (tailing, error)) (sum tally) {
	s := streams[0]
	w := &writer{t: b, of: s, path: filepath.Join(b.TempDir(), "a.log"), pause: fast.pause}
	if r.link {
		must(b, os.Symlink("a.log-20241231", w.path))
	}
	w.reopen()
	_, err := w.f.WriteString(s.events(0, 40))
	must(b, err)
	w.n = 40
	stop, quit, down, again, read := make(chan struct{}), make(chan struct{}, 1), make(chan struct{}), make(chan struct{}), make(chan struct{})
	seen := map[int]int{}
	go func() { // reads until nothing has come for two seconds after the end
		defer close(read)
		var from int64
		for {
			t, err := follow(w.path, from)
			if err != nil {
				b.Error(err)
				return
			}
			for on := true; on; {
				line, off, ok := t.next(2 * time.Second)
				switch {
				case ok:
					if m := s.text.FindStringSubmatch(line); m != nil && len(line) > 60 {
						if n, err := strconv.Atoi(m[1]); err == nil {
							seen[n]++
						}
					} else {
						sum.torn++
					}
					from = off
				default:
					select {
					case <-stop:
						t.stop()
						return
					default:
					}
				}
				select {
				case <-quit:
					on = false
				default:
				}
			}
			t.stop()
			down <- struct{}{}
			<-again
		}
	}()
	written := make(chan struct{})
	time.Sleep(500 * time.Millisecond) // it is followed
	go func() { defer close(written); w.run(stop) }()
	rnd := rand.New(rand.NewPCG(1, 4))
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		time.Sleep(time.Duration(100+rnd.IntN(700)) * time.Millisecond)
		if rnd.IntN(3) > 0 || !kills {
			w.rotate(r, sum.rotations)
			sum.rotations++
			continue
		}
		quit <- struct{}{}
		<-down
		sum.kills++
		if rnd.IntN(2) == 0 { // rotated while nobody reads
			w.rotate(r, sum.rotations)
			sum.rotations++
		}
		again <- struct{}{}
	}
	close(stop)
	<-written
	<-read
	sum.events = w.count()
	for i := range sum.events {
		switch n := seen[i]; {
		case n > 1:
			sum.repeated++
		case n == 0 && slices.ContainsFunc(w.gaps, func(g [2]int) bool { return g[0] <= i && i < g[1] }):
			sum.destroyed++
		case n == 0:
			sum.lost++
		}
	}
	must(b, w.f.Close())
	return sum
}
