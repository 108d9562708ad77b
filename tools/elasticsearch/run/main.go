// Command run starts a genuine Elasticsearch node for trying, and stops it on Ctrl-C. With -assemble it only fetches what
// it needs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/saypro/veritail/tools/elasticsearch"
)

func main() {
	only := flag.Bool("assemble", false, "only fetch Elasticsearch")
	dir := flag.String("dir", "var/elasticsearch", "`directory` of the node's data")
	port := flag.Int("port", 9200, "`port` on 127.0.0.1; 0 for a free one")
	heap := flag.String("heap", "1g", "`size` of the JVM's heap")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, elasticsearch.Options{Dir: *dir, Port: *port, Heap: *heap, Long: true}); err != nil {
		fmt.Fprintln(os.Stderr, "elasticsearch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only bool, o elasticsearch.Options) error {
	if err := elasticsearch.Assemble(ctx); err != nil || only {
		return err
	}
	n, err := elasticsearch.Start(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("Elasticsearch answers at %s; its data lie in %s. Ctrl-C stops it.\n", n.URL, o.Dir)
	select {
	case err := <-n.Done():
		return fmt.Errorf("it ended by itself: %v", err)
	case <-ctx.Done():
		return n.Stop()
	}
}
