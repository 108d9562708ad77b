package configs

import "strings"

// Nearest returns the element of of that s was most likely meant to be: the one at the smallest edit distance, if
// that is at most a third of the longer word (and at least one edit is always allowed); else "". Case counts
// nothing. The earlier of two equally near ones is taken.
func Nearest(s string, of []string) string {
	best, bestDist := "", -1
	folded := strings.ToLower(s)
	for _, o := range of {
		bound := max(1, (max(len(s), len(o))+1)/3)
		if d := distance(folded, strings.ToLower(o)); d <= bound && (bestDist < 0 || d < bestDist) {
			best, bestDist = o, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
