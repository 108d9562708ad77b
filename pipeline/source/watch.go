package source

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hpcloud/tail/watch"
	"gopkg.in/fsnotify.v1"
)

// The library has one tracker for the process. It ends the process if inotify cannot start and it answers whoever
// asks first, so it is probed once and asked under a lock. Its file watcher, which ends the process when a stat
// fails, is not used.
var tracker struct {
	sync.Mutex
	once sync.Once
	ok   bool
}

// A notice calls a function when the file at a path may have changed. It only says when to look: what it misses,
// the poll finds.
type notice struct {
	path string
	to   atomic.Pointer[File]
	busy atomic.Bool // the file changes so often that polling is cheaper; the notice has ended
	done chan struct{}
}

// busyChanges is how many changes a second make a notice end.
const busyChanges = 50

// watchFile starts a notice for the file that path names now, or returns nil where the system gives none.
func watchFile(path string, f *File) *notice {
	tracker.Lock()
	defer tracker.Unlock()
	tracker.once.Do(func() {
		if w, err := fsnotify.NewWatcher(); err == nil {
			tracker.ok = w.Close() == nil
		}
	})
	if !tracker.ok || watch.Watch(path) != nil {
		return nil
	}
	n := &notice{path: path, done: make(chan struct{})}
	n.to.Store(f)
	f.told.Store(true)
	go n.run(watch.Events(path))
	return n
}

// run passes changes on until the watch is removed. It always receives: the tracker waits for it.
func (n *notice) run(events <-chan fsnotify.Event) {
	defer close(n.done)
	second, count := time.Now(), 0
	for range events {
		n.to.Load().poke()
		if count++; count < busyChanges {
			continue
		}
		if time.Since(second) < time.Second {
			n.busy.Store(true)
		}
		second, count = time.Now(), 0
	}
}

// stop ends the notice.
func (n *notice) stop() {
	if n == nil {
		return
	}
	tracker.Lock()
	watch.RemoveWatch(n.path)
	tracker.Unlock()
	<-n.done
	n.to.Load().told.Store(false)
}
