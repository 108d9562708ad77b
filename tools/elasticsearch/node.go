// Package elasticsearch starts genuine single-node Elasticsearch servers for tests and for trying, without Docker: out of
// the jars that its makers publish on Maven Central, under a small main of this project's own (Node.java). It needs a
// JDK 17 to 23.
//
// Such a node has what storage/elastic needs and less than a distribution: no security, no scripts, no ingest
// pipelines, no delete by query.
package elasticsearch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Options say how a node runs. Zero values mean their defaults.
type Options struct {
	Dir  string // where it keeps its data; empty: a directory that is removed at the end
	Port int    // on 127.0.0.1; 0: a free one
	Heap string // "512m"
	Long bool   // it will run for long: let the JVM spend time on becoming fast
}

// A Node is a running server. It ends with Stop, with Kill, or with the process that started it.
type Node struct {
	URL  string // http://127.0.0.1:PORT
	cmd  *exec.Cmd
	end  io.Closer // its standard input
	done chan error
	dir  string // to be removed at the end; the node does that itself unless it is killed
}

// Start starts a node and returns when it answers. ErrNotAssembled is the error where Assemble has not been called.
func Start(ctx context.Context, o Options) (*Node, error) {
	program, err := assembled()
	if err != nil {
		return nil, err
	}
	keep := o.Dir != ""
	if !keep {
		if o.Dir, err = os.MkdirTemp("", "veritail-elasticsearch-"); err != nil {
			return nil, fmt.Errorf("make the node's directory: %w", err)
		}
	}
	if err := prepare(o.Dir, program); err != nil {
		return nil, fmt.Errorf("make the node's directory: %w", err)
	}
	n, err := launch(o, program, keep)
	if err != nil {
		return nil, fmt.Errorf("start Elasticsearch: %w", err)
	}
	if err := n.await(ctx, o.Dir); err != nil {
		console, _ := os.ReadFile(consoleFile(o.Dir)) // there is none if it did not come that far
		n.Kill()
		return nil, fmt.Errorf("start Elasticsearch: %w\n%s", err, console[max(0, len(console)-4000):])
	}
	return n, nil
}

// prepare lays out the home directory as the server wants it.
func prepare(dir, program string) error {
	for _, sub := range []string{"config", "data", "logs", "plugins", "lib", "modules"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := os.Remove(portsFile(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	module := filepath.Join(dir, "modules", "transport-netty4")
	if err := os.RemoveAll(module); err != nil {
		return err
	}
	return os.CopyFS(module, os.DirFS(filepath.Join(program, "transport-netty4")))
}

func portsFile(dir string) string   { return filepath.Join(dir, "logs", "http.ports") }
func consoleFile(dir string) string { return filepath.Join(dir, "logs", "console.log") }

func launch(o Options, program string, keep bool) (*Node, error) {
	heap := o.Heap
	if heap == "" {
		heap = "768m"
	}
	args := []string{"-Xms" + heap, "-Xmx" + heap, "-Djna.nosys=true", "-Djava.security.manager=allow"}
	if !o.Long {
		args = append(args, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC") // a third of the CPU time of a short run
	}
	lib := filepath.Join(program, "lib")
	args = append(args, "--module-path", lib, "--add-modules=jdk.net,org.elasticsearch.server,org.elasticsearch.preallocate",
		"-cp", filepath.Join(program, "classes"), "Node", o.Dir, fmt.Sprint(o.Port), fmt.Sprint(keep))
	cmd := exec.Command("java", args...)
	console, err := os.Create(consoleFile(o.Dir))
	if err != nil {
		return nil, err
	}
	defer console.Close()
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for who started it
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &Node{cmd: cmd, end: end, done: make(chan error, 1)}
	if !keep {
		n.dir = o.Dir
	}
	go func() { n.done <- cmd.Wait() }()
	return n, nil
}

// await waits until the node answers.
func (n *Node) await(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		select {
		case err := <-n.done:
			n.done <- err
			return fmt.Errorf("it ended: %v", err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
		address, err := os.ReadFile(portsFile(dir))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(address)) {
			if n.URL = "http://" + strings.TrimSpace(line); strings.Contains(line, "127.0.0.1") {
				break
			}
		}
		if n.healthy(ctx) {
			return nil
		}
	}
}

func (n *Node) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/_cluster/health?wait_for_status=yellow&timeout=1s", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Done tells once how a node ended that was neither stopped nor killed.
func (n *Node) Done() <-chan error { return n.done }

// Stop ends the node in order and waits for it.
func (n *Node) Stop() error {
	if err := n.end.Close(); err != nil {
		return fmt.Errorf("stop Elasticsearch: %w", err)
	}
	if err := <-n.done; err != nil {
		return fmt.Errorf("stop Elasticsearch: %w", err)
	}
	return nil
}

// PID is the process that the node is.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Kill ends the node at once, as a crash would.
func (n *Node) Kill() {
	_ = n.cmd.Process.Kill() // fails where it has ended already
	<-n.done
	if n.dir != "" {
		os.RemoveAll(n.dir)
	}
}
