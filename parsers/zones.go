package parsers

import "time"

// zoneOffsets are the zone abbreviations that logs write and Go knows only inside a zone that uses them, in hours
// east of UTC. Where several zones share one, it is the meaning that PostgreSQL's timezonesets/Default gives it.
var zoneOffsets = map[string]float64{
	"ACDT": 10.5, "ACST": 9.5, "ADT": -3, "AEDT": 11, "AEST": 10, "AKDT": -8, "AKST": -9, "AST": -4, "AWST": 8,
	"BRT": -3, "BST": 1, "CAT": 2, "CDT": -5, "CEST": 2, "CET": 1, "CST": -6, "EAT": 3, "EDT": -4, "EEST": 3, "EET": 2,
	"EST": -5, "GMT": 0, "HKT": 8, "HST": -10, "IDT": 3, "IST": 2, "JST": 9, "KST": 9, "MDT": -6, "MEST": 2, "MET": 1,
	"MSK": 3, "MST": -7, "NDT": -2.5, "NST": -3.5, "NZDT": 13, "NZST": 12, "PDT": -7, "PHT": 8, "PKT": 5, "PST": -8,
	"SAST": 2, "SGT": 8, "UTC": 0, "WEST": 1, "WET": 0, "WIB": 7, "WIT": 9, "WITA": 8, "Z": 0,
}

// inZone corrects a time that was parsed from a stamp with a zone abbreviation. Go takes an abbreviation that zone
// does not use for UTC; it means what zoneOffsets says, and where that does not know it either, zone itself.
func inZone(t time.Time, zone *time.Location) time.Time {
	name, offset := t.Zone()
	if offset != 0 || name == "" || t.Location() == zone || t.Location() == time.UTC {
		return t
	}
	if hours, ok := zoneOffsets[name]; ok {
		return t.Add(-time.Duration(hours * float64(time.Hour)))
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}
