// Command deps tells which programs that tests run are there, and with -missing prints the Debian packages of those
// that are not, for `make deps`.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/saypro/veritail/tools/need"
)

func main() {
	onlyMissing := flag.Bool("missing", false, "print only the packages to install, one a line")
	flag.Parse()
	var missing []string
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, n := range need.All {
		path, ok := n.Find()
		if !ok {
			path = "not there: package " + n.Package
			if !slices.Contains(missing, n.Package) {
				missing = append(missing, n.Package)
			}
		}
		if !*onlyMissing {
			fmt.Fprintf(table, "%s\t%s\t%s\n", n.Program, n.Why, path)
		}
	}
	if err := table.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "deps: print the table:", err)
		os.Exit(1)
	}
	if *onlyMissing {
		for _, p := range missing {
			fmt.Println(p)
		}
	}
}
