package rules

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/saypro/veritail/configs"
)

// Source returns the text of the rule as it stands in its file, and the number of its first line; "" for a rule made in code. Of a rule
// that changes a shipped one it is the change.
func (r *Rule) Source() (text string, line int, err error) {
	if r.fsys == nil {
		return "", 0, nil
	}
	all, err := fs.ReadFile(r.fsys, r.File)
	if err != nil {
		return "", 0, fmt.Errorf("read rule %s: %w", r.ID, err)
	}
	line = configs.At(r.fsys, r.File, r.path, "").Line
	lines := strings.Split(string(all), "\n")
	if line < 1 || line > len(lines) {
		return "", 0, nil // the file has been changed since
	}
	end := line
	for end < len(lines) && !isNext(lines[end]) {
		end++
	}
	for end > line && (strings.TrimSpace(lines[end-1]) == "" || end < len(lines) && strings.HasPrefix(lines[end-1], "#")) {
		end-- // what stands before the next one is the next one's
	}
	return strings.Join(lines[line-1:end], "\n"), line, nil
}

// isNext reports whether a line begins another table at the top of a rule file.
func isNext(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "[[rule]]") || strings.HasPrefix(line, "[[suppress]]")
}

// Shown returns the file of the rule as a reader finds it.
func (r *Rule) Shown() string { return r.fault("id", "").File }
