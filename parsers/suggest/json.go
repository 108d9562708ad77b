package suggest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// jsonKeys collects what is known of the members of JSON lines.
type jsonKeys struct {
	count  map[string]int
	stamp  map[string]map[string]int // key → layout → values
	level  map[string]int
	length map[string]int // of its texts
}

// jsonTOML writes a format for lines of one JSON object each.
func (s *suggester) jsonTOML(lines [][]byte) string {
	k := jsonKeys{map[string]int{}, map[string]map[string]int{}, map[string]int{}, map[string]int{}}
	for _, line := range lines {
		var object map[string]any
		if json.Unmarshal(line, &object) == nil {
			k.add("", object)
		}
	}
	var b strings.Builder
	b.WriteString(s.header() + "\n[members]\nkind = \"json\"\n")
	timeKey, layouts := k.time()
	message, level := k.best(k.length, timeKey), k.best(k.level, timeKey)
	if message == level {
		message = ""
	}
	b.WriteString("\n[members.map]\n")
	for _, m := range []struct{ field, key string }{{"_time", timeKey}, {"message", message}, {"log.level", level}} {
		if m.key != "" && m.key != m.field {
			fmt.Fprintf(&b, "%q = [%s]\n", m.field, event.AppendJSONString(nil, m.key))
		}
	}
	b.WriteString(timeTable(layouts))
	return b.String()
}

func (k *jsonKeys) add(prefix string, object map[string]any) {
	for key, v := range object {
		key = prefix + key
		switch v := v.(type) {
		case map[string]any:
			k.add(key+".", v)
		case string:
			k.count[key]++
			if n, layout := stamp.Find([]byte(v)); n == len(v) && n > 0 {
				k.stamped(key, layout)
			} else if levelNames[strings.ToLower(v)] != "" {
				k.level[key]++
			} else if strings.Contains(v, " ") {
				k.length[key] += len(v)
			}
		case float64:
			k.count[key]++
			switch {
			case v > 1e9 && v < 4e9:
				k.stamped(key, "unix")
			case v > 1e12 && v < 4e12:
				k.stamped(key, "unix_ms")
			}
		}
	}
}

func (k *jsonKeys) stamped(key, layout string) {
	if k.stamp[key] == nil {
		k.stamp[key] = map[string]int{}
	}
	k.stamp[key][layout]++
}

// time returns the member that is a time most often, and its layouts in quotes.
func (k *jsonKeys) time() (key string, layouts []string) {
	most := 0
	for _, name := range slices.Sorted(maps.Keys(k.stamp)) {
		n := 0
		for _, v := range k.stamp[name] {
			n += v
		}
		if n > most {
			key, most = name, n
		}
	}
	for _, l := range slices.Sorted(maps.Keys(k.stamp[key])) {
		layouts = append(layouts, fmt.Sprintf("%q", l))
	}
	return key, layouts
}

// best returns the key with the greatest number that is not the given one.
func (k *jsonKeys) best(of map[string]int, not string) string {
	best := ""
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if name != not && (best == "" || of[name] > of[best]) {
			best = name
		}
	}
	return best
}
