package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	hpcloud "github.com/hpcloud/tail"
	nxadm "github.com/nxadm/tail"

	"github.com/saypro/veritail/pipeline/event"
)

// A follower follows the log at path until it has been given n lines, or for the time that idle says has given nothing, and returns how
// many lines it was given.
type follower struct {
	name   string
	follow func(b *testing.B, path string, n int, idle time.Duration) int
}

var followers = []follower{
	{"veritail", followSource},
	{"hpcloud", func(b *testing.B, path string, n int, idle time.Duration) int {
		t, err := hpcloud.TailFile(path, hpcloud.Config{Follow: true, ReOpen: true, Logger: hpcloud.DiscardingLogger})
		if err != nil {
			b.Fatal(err)
		}
		defer t.Stop()
		return received(t.Lines, n, idle)
	}},
	{"nxadm", func(b *testing.B, path string, n int, idle time.Duration) int {
		t, err := nxadm.TailFile(path, nxadm.Config{Follow: true, ReOpen: true, Logger: nxadm.DiscardingLogger})
		if err != nil {
			b.Fatal(err)
		}
		defer t.Stop()
		return received(t.Lines, n, idle)
	}},
}

// received counts what comes of n lines.
func received[L any](lines <-chan L, n int, idle time.Duration) (got int) {
	quiet := time.NewTimer(idle)
	defer quiet.Stop()
	for got < n {
		select {
		case <-lines:
			got++
			if got%1000 == 0 {
				quiet.Reset(idle)
			}
		case <-quiet.C:
			return got
		}
	}
	return got
}

// followSource reads as the daemon does: a finder that looks, and a reader for each file that it finds.
func followSource(b *testing.B, path string, n int, idle time.Duration) (got int) {
	x, err := NewFinder("here", []Pattern{{Glob: path}}, nil, nil, Timing{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	type reading struct {
		f      *File
		blocks *Blocks
		grown  time.Time
	}
	var open []*reading
	arena := &event.Arena{}
	for last := time.Now(); got < n && time.Since(last) < idle; {
		now := time.Now()
		for _, f := range x.Look(now) {
			open = append(open, &reading{f, NewBlocks(f, 0, 0), now})
		}
		for i := 0; i < len(open); i++ {
			r := open[i]
			for {
				arena.Buf = arena.Buf[:0]
				block, err := r.blocks.Next(arena)
				if err == nil {
					got, r.grown, last = got+bytes.Count(block.Data, []byte{'\n'}), time.Now(), time.Now()
					continue
				}
				again := false
				switch {
				case errors.Is(err, ErrTruncated):
					c, ok := x.Truncated(r.f)
					if again = ok; ok {
						err = r.f.Continue(c)
					}
				case errors.Is(err, io.EOF):
					r.f.Caught()
					err = nil
					if r.f.Complete(r.grown, time.Now(), time.Second) {
						err = io.EOF
					}
				}
				if again && err == nil {
					continue
				}
				if err != nil {
					m := r.f.Mark()
					m.Off = r.blocks.Off()
					x.Ended(r.f, r.f.Gen(), m)
					r.f.Close()
					open = append(open[:i], open[i+1:]...)
					i--
				}
				break
			}
		}
		if got < n {
			time.Sleep(5 * time.Millisecond)
		}
	}
	for _, r := range open {
		r.f.Close()
	}
	return got
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFollow measures how many lines of a file that is there each reads in a second of CPU time.
func BenchmarkFollow(b *testing.B) {
	const lines = 1_000_000
	path := filepath.Join(b.TempDir(), "app.log")
	var text bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&text, "2026-11-26T12:00:00.%06dZ app01 sshd[4242]: Failed password for user%d from 10.0.0.1 port 4242 ssh2\n", i%1e6, i)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, f := range followers {
		b.Run(f.name, func(b *testing.B) {
			before := cpuTime(b)
			for b.Loop() {
				if got := f.follow(b, path, lines, 10*time.Second); got != lines {
					b.Fatalf("%d of %d lines", got, lines)
				}
			}
			b.ReportMetric(float64(lines*b.N)/(cpuTime(b)-before).Seconds(), "lines/cpu-s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRotation counts what each loses, or gives again, of 100,000 lines while the log is rotated 20 times, as fast as that goes.
func BenchmarkRotation(b *testing.B) {
	const lines, rotations = 100_000, 20
	for _, how := range []struct {
		name   string
		rotate func(path string, n int, f *os.File) (*os.File, error)
	}{
		{"rename", func(path string, n int, f *os.File) (*os.File, error) {
			if err := errors.Join(f.Close(), os.Rename(path, fmt.Sprintf("%s.%d", path, n))); err != nil {
				return nil, err
			}
			return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		}},
		{"copytruncate", func(path string, n int, f *os.File) (*os.File, error) { // nothing is written between copy and truncation
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(fmt.Sprintf("%s.%d", path, n), text, 0o644)
			}
			return f, errors.Join(err, f.Truncate(0))
		}},
	} {
		for _, f := range followers {
			b.Run(how.name+"/"+f.name, func(b *testing.B) {
				lost, more := 0, 0
				for b.Loop() {
					path := filepath.Join(b.TempDir(), "app.log")
					log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
					if err != nil {
						b.Fatal(err)
					}
					failed := make(chan error, 1)
					go func() {
						time.Sleep(1200 * time.Millisecond) // everyone follows it
						var err error
						for i := 0; i < lines && err == nil; i++ {
							if _, err = fmt.Fprintf(log, "line %09d of a log that is rotated while it is followed\n", i); err == nil && i%(lines/rotations) == lines/rotations-1 {
								log, err = how.rotate(path, i/(lines/rotations)+1, log)
							}
						}
						failed <- errors.Join(err, log.Close())
					}()
					got := f.follow(b, path, 2*lines, 6*time.Second)
					if err := <-failed; err != nil {
						b.Fatal(err)
					}
					lost, more = lost+max(0, lines-got), more+max(0, got-lines)
				}
				b.ReportMetric(float64(lost)/float64(b.N), "lost")
				b.ReportMetric(float64(more)/float64(b.N), "too-many")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
