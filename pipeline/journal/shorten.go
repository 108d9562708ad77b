package journal

import (
	"encoding/json"
	"slices"
)

// shorten leaves the longest fields out of an entry until it is at most max bytes long; their names stand in VERITAIL_CUT. An entry that
// is no object, or has nothing that could be left out, is cut at max.
func shorten(entry []byte, max int) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(entry, &fields) != nil {
		return entry[:max]
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return len(fields[b]) - len(fields[a]) })
	var cut []string
	for _, name := range names {
		cut = append(cut, name)
		delete(fields, name)
		told, err := json.Marshal(cut)
		if err != nil {
			break
		}
		fields["VERITAIL_CUT"] = told
		if short, err := json.Marshal(fields); err == nil && len(short) <= max {
			return short
		}
	}
	return entry[:max]
}
