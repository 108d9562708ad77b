// Command testsummary reads the output of `go test -json` from stdin and prints what one wants to know of it: each
// package as it ends, failures with their output, the slowest packages, and which tests were skipped and how to get
// them. It exits with 1 if a test or build failed, if nothing was tested, or, with REQUIRE_ALL=1 in the environment,
// if a test was skipped.
package main

import (
	"fmt"
	"os"
)

func main() {
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary: read the output of go test:", err)
		os.Exit(1)
	}
	if !s.finish(os.Getenv("REQUIRE_ALL") == "1") {
		os.Exit(1)
	}
}
