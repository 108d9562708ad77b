package discover

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What changes from one file to the next of those that are called alike: names of containers, dates, days of the week, numbers of
// processes.
var changing = regexp.MustCompile(
	`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{12,}` +
		`|(?:19|20)[0-9]{2}[-_.]?[01][0-9](?:[-_.]?[0-3][0-9])?(?:[T_.-]?[0-9]{2}[-_:.]?[0-9]{2}(?:[-_:.]?[0-9]{2})?)?` +
		`|[0-9]{5,}`)

var weekday = regexp.MustCompile(`([-_.])(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)([-_.])`)

// shapeOf returns the glob of files that are called as path is, but for dates and the like.
func shapeOf(path string) string {
	dir, name := filepath.Split(path)
	var out strings.Builder
	at := 0
	for _, m := range changing.FindAllStringIndex(name, -1) {
		out.WriteString(escapeGlob(name[at:m[0]]) + "*")
		at = m[1]
	}
	out.WriteString(escapeGlob(name[at:]))
	return escapeGlob(dir) + weekday.ReplaceAllString(out.String(), "$1*$2")
}

var globSigns = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// escapeGlob returns the glob that matches a path only.
func escapeGlob(path string) string { return globSigns.Replace(path) }

// extOf returns the end of a name by which files of a kind are known: ".log", "_log".
func extOf(glob string) string {
	name := filepath.Base(glob)
	if ext := filepath.Ext(name); ext != "" && !strings.ContainsAny(ext, `*\`) {
		return ext
	}
	if i := strings.LastIndexAny(name, "_-"); i > 0 && !strings.ContainsAny(name[i:], `*\`) {
		return name[i:]
	}
	return ""
}

// dull are words of a path that do not tell whose log it is.
var dull = []string{"var", "log", "logs", "srv", "opt", "home", "usr", "local", "lib", "data", "shared", "current", "www", "pg_log", "output", "txt", "out", "err", "json", "jsonl", "csv"}

var notDataset = regexp.MustCompile(`[^A-Za-z0-9]+`)

// datasetOf returns the name of a data set that is made of the words of a path: of its folder, and of its name.
func datasetOf(path string) string {
	dir, name := filepath.Split(path)
	var words []string
	for i, part := range append(strings.Split(dir, "/"), name) {
		if strings.ContainsAny(part, `*?[\`) && i < strings.Count(dir, "/")+1 {
			continue
		}
		for ext := filepath.Ext(part); slices.Contains(dull, strings.TrimPrefix(ext, ".")) && ext != part; ext = filepath.Ext(part) {
			part = strings.TrimSuffix(part, ext)
		}
		part = strings.ToLower(strings.Trim(notDataset.ReplaceAllString(strings.ReplaceAll(part, "*", ""), "_"), "_"))
		for _, tail := range []string{"_log", "_logs"} {
			part = strings.TrimSuffix(part, tail)
		}
		if part != "" && !slices.Contains(dull, part) {
			words = append(words, part)
		}
	}
	words = slices.Compact(words)
	if len(words) > 2 {
		words = words[len(words)-2:]
	}
	if len(words) == 2 && strings.HasPrefix(words[1], words[0]+"_") {
		words[1] = strings.TrimPrefix(words[1], words[0]+"_")
	}
	if len(words) == 0 {
		return "logs"
	}
	for i := range words {
		if len(words[i]) > maxWord {
			words[i] = words[i][:maxWord]
		}
	}
	return strings.Join(words, ".")
}

// maxWord bounds a part of the name of a data set.
const maxWord = 40

// plural writes a count with its word.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return number(n) + " " + word + "s"
}

// number writes a count with commas.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
