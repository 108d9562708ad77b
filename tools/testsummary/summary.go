package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// line is one line of test2json's output (go doc test2json) or of a build's (go help buildjson).
type line struct {
	Action      string
	Package     string
	ImportPath  string // of a build's lines
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string // of a failed package: the import path that did not build, told by build-fail
}

type testID struct{ pkg, test string }

type skip struct {
	testID
	why string
}

type timing struct {
	pkg     string
	seconds float64
}

type summary struct {
	out      io.Writer
	output   map[testID]*strings.Builder // of tests that have not ended; test "" is the package
	parents  map[testID]bool             // failed tests with a failed subtest, which tells the reason
	failed   []testID
	skipped  []skip
	timings  []timing
	passed   int
	packages int
	broken   map[string]*strings.Builder // build output by import path
	unbuilt  []string
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[testID]*strings.Builder{}, parents: map[testID]bool{}, broken: map[string]*strings.Builder{}}
}

// maxLine bounds a line of JSON: a test may print a long line.
const maxLine = 16 << 20

func (s *summary) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			fmt.Fprintln(s.out, lines.Text()) // what go itself prints between
			continue
		}
		s.take(l)
	}
	return lines.Err()
}

func (s *summary) take(l line) {
	id := testID{l.Package, l.Test}
	switch l.Action {
	case "build-output":
		text(s.broken, l.ImportPath).WriteString(l.Output)
	case "build-fail":
		s.unbuilt = append(s.unbuilt, l.ImportPath)
	case "output":
		text(s.output, id).WriteString(l.Output)
	case "pass", "fail", "skip":
		if l.Test == "" {
			s.packageEnded(id, l)
		} else {
			s.testEnded(id, l.Action)
		}
	}
}

func text[K comparable](m map[K]*strings.Builder, k K) *strings.Builder {
	b := m[k]
	if b == nil {
		b = &strings.Builder{}
		m[k] = b
	}
	return b
}

func (s *summary) testEnded(id testID, action string) {
	switch action {
	case "pass":
		s.passed++
		delete(s.output, id)
	case "skip":
		s.skipped = append(s.skipped, skip{id, reason(text(s.output, id).String())})
		delete(s.output, id)
	case "fail":
		s.failed = append(s.failed, id)
		for test := id.test; ; {
			cut := strings.LastIndexByte(test, '/')
			if cut < 0 {
				break
			}
			test = test[:cut]
			s.parents[testID{id.pkg, test}] = true
		}
	}
}

func (s *summary) packageEnded(id testID, l line) {
	if l.Action == "skip" {
		return // no test files
	}
	s.packages++
	s.timings = append(s.timings, timing{l.Package, l.Elapsed})
	word := "ok  "
	if l.Action == "fail" {
		word = "FAIL"
		if l.FailedBuild == "" && !slices.ContainsFunc(s.failed, func(f testID) bool { return f.pkg == l.Package }) {
			s.failed = append(s.failed, id) // it panicked or timed out outside any test
		}
	}
	fmt.Fprintf(s.out, "%s  %s  %.1fs\n", word, l.Package, l.Elapsed)
}

// reason takes what t.Skip was given out of a skipped test's output.
func reason(output string) string {
	for l := range strings.Lines(output) {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "===") || strings.HasPrefix(l, "---") || l == "" {
			continue
		}
		if _, after, found := strings.Cut(l, ".go:"); found {
			if _, why, found := strings.Cut(after, ": "); found {
				return why
			}
		}
		return l
	}
	return "no reason given"
}

// slowest is how many packages are named with their time, and from how many seconds on.
const (
	slowest  = 5
	slowFrom = 2.0
)

// finish prints the summary and reports whether all is well.
func (s *summary) finish(requireAll bool) bool {
	s.printFailures()
	slices.SortFunc(s.timings, func(a, b timing) int { return int((b.seconds - a.seconds) * 1000) })
	for i, t := range s.timings {
		if i == slowest || t.seconds < slowFrom {
			break
		}
		if i == 0 {
			fmt.Fprintln(s.out, "\nslowest packages:")
		}
		fmt.Fprintf(s.out, "  %6.1fs  %s\n", t.seconds, t.pkg)
	}
	s.printSkipped()
	failures := 0
	for _, id := range s.failed {
		if !s.parents[id] {
			failures++
		}
	}
	failures += len(s.unbuilt)
	fmt.Fprintf(s.out, "\n%d passed, %d failed, %d skipped in %d packages\n", s.passed, failures, len(s.skipped), s.packages)
	switch {
	case s.packages == 0 && failures == 0:
		fmt.Fprintln(s.out, "nothing was tested")
		return false
	case requireAll && len(s.skipped) > 0:
		fmt.Fprintln(s.out, "REQUIRE_ALL=1: a skipped test counts as failed")
		return false
	}
	return failures == 0
}

func (s *summary) printFailures() {
	for _, path := range s.unbuilt {
		fmt.Fprintf(s.out, "\n--- does not build: %s\n%s", path, text(s.broken, path).String())
	}
	for _, id := range s.failed {
		if s.parents[id] {
			continue
		}
		name := id.test
		if name == "" {
			name = "(the package)"
		}
		fmt.Fprintf(s.out, "\n--- FAIL: %s %s\n%s", id.pkg, name, text(s.output, id).String())
	}
}

func (s *summary) printSkipped() {
	if len(s.skipped) == 0 {
		return
	}
	byReason := map[string][]string{}
	var reasons []string
	for _, k := range s.skipped {
		if byReason[k.why] == nil {
			reasons = append(reasons, k.why)
		}
		byReason[k.why] = append(byReason[k.why], k.pkg[strings.LastIndexByte(k.pkg, '/')+1:]+"."+k.test)
	}
	fmt.Fprintln(s.out, "\nskipped:")
	for _, why := range reasons {
		fmt.Fprintf(s.out, "  %s\n", why)
		for _, name := range byReason[why] {
			fmt.Fprintf(s.out, "    %s\n", name)
		}
	}
}
