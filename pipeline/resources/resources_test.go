package resources

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"
)

type lines struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	full    error
	refused int64
}

func (l *lines) Append(_ string, b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil {
		return 0, l.full
	}
	return l.buf.Write(b)
}

func (l *lines) Refuse(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused += n
}

// run samples until n samples are taken.
func run(t *testing.T, l *lines, n int64) *Sampler {
	t.Helper()
	s := New(Config{Every: 20 * time.Millisecond, Spool: l, Sender: "resources"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for s.Status().Samples < n {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return s
}

func TestAMachineIsSampled(t *testing.T) {
	l := &lines{}
	if s := run(t, l, 3); s.Status().Err != nil {
		t.Fatal(s.Status().Err)
	}
	machines, mounts := 0, map[string]bool{}
	for _, line := range bytes.Split(bytes.TrimSpace(l.buf.Bytes()), []byte("\n")) {
		var m machine
		var f filesystem
		if err := errors.Join(json.Unmarshal(line, &m), json.Unmarshal(line, &f)); err != nil {
			t.Fatal(err)
		}
		if time.Since(m.Time) > time.Minute || m.Time.Location() != time.UTC {
			t.Errorf("sampled at %s", m.Time)
		}
		switch m.Metric {
		case "machine":
			machines++
			if m.CPU == nil || *m.CPU < 0 || *m.CPU > 1 || m.Memory == nil || *m.Memory <= 0 || *m.Memory > 1 {
				t.Errorf("%s", line)
			}
		case "filesystem":
			mounts[f.Mount] = true
			if f.Used <= 0 || f.Used > 1 || f.Free > f.Total || f.Total == 0 {
				t.Errorf("%s", line)
			}
		default:
			t.Errorf("%s", line)
		}
	}
	if machines < 2 || !mounts["/"] {
		t.Errorf("%d lines about the machine, file systems %v", machines, mounts)
	}
}

func TestWhatTheSpoolDoesNotTakeIsCounted(t *testing.T) {
	l := &lines{full: errors.New("the spool is full")}
	if s := run(t, l, 2); l.refused < 2 || !errors.Is(s.Status().Err, l.full) {
		t.Errorf("refused %d lines, %v", l.refused, s.Status().Err)
	}
}

// A sample a minute has to cost next to nothing.
func BenchmarkSample(b *testing.B) {
	s := New(Config{})
	for b.Loop() {
		if _, _, err := s.sample(context.Background(), time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
