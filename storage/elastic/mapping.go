package elastic

import (
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// dsl is a piece of a request.
type dsl = map[string]any

// Fields of the store's own. An event's document has them beside its fields under their own names.
const (
	fTime   = "veritail.store.time"    // long: µs, 0 where the event has no time; @timestamp has milliseconds only
	fGen    = "veritail.store.gen"     // keyword: the generation in hex, whose order is that of the numbers
	fWriter = "veritail.store.writer"  // keyword: who wrote it
	fBatch  = "veritail.store.batch"   // long: in which of the writer's commits
	fLines  = "veritail.store.lines"   // long
	fLen    = "veritail.store.len"     // of the first span; its offset is log.offset
	fSpans  = "veritail.store.spans"   // offset and length of each further span
	fCut    = "veritail.store.cut"     // boolean, or missing
	fHas    = "veritail.store.has"     // keywords: names of the text fields that the event has
	fLong   = "veritail.store.long"    // keywords: names of the fields whose values the index cannot hold (see encoder)
	fPairs  = "veritail.store.pairs"   // keywords: what the event brought as JSON, see appendPairs
	fJSON   = "veritail.store.json"    // the same as it came; not indexed
	fOther  = "veritail.store.other"   // values of the fields that the index cannot hold; not indexed
	fMicros = "veritail.store.us."     // long: times in µs, by name
	fTokens = "veritail.store.tokens." // tokens of texts, with spaces between, by name
	fExtra  = "veritail.extra"         // flattened: what the event brought as JSON, for other programs and for groups
)

// maxTerm is the length in bytes up to which values of keywords are indexed. Lucene's own bound is 32,766 bytes.
const maxTerm = 8191

var (
	keyword  = dsl{"type": "keyword", "ignore_above": maxTerm}
	long     = dsl{"type": "long"}
	boolean  = dsl{"type": "boolean"}
	ip       = dsl{"type": "ip"}
	double   = dsl{"type": "double"}
	date     = dsl{"type": "date", "format": "strict_date_optional_time||epoch_millis"}
	text     = dsl{"type": "text", "norms": false, "index_options": "docs"}  // for other programs
	tokens   = dsl{"type": "text", "norms": false, "analyzer": "whitespace"} // what queries of texts look at
	kept     = dsl{"type": "keyword", "index": false, "doc_values": false}   // in the source only
	keptLong = dsl{"type": "long", "index": false, "doc_values": false}      // likewise
	anything = dsl{"type": "object", "enabled": false}                       // likewise, any JSON
	counted  = dsl{"type": "long", "index": false}                           // summed, never searched
)

// kindMapping is how the fields of a kind are indexed under their own names.
var kindMapping = map[event.Kind]dsl{
	event.Keyword: keyword, event.Text: text, event.Int: long, event.Float: double, event.Time: date,
	event.Duration: long, event.Address: ip, event.Bool: boolean,
}

// coreMapping is what every index of events maps.
func coreMapping() dsl {
	properties := dsl{
		fTime: long, fGen: keyword, fWriter: keyword, fBatch: long, fLines: counted, fLen: keptLong, fSpans: keptLong, fCut: kept,
		fHas: keyword, fLong: keyword, fPairs: keyword, fJSON: kept, fOther: anything, fExtra: dsl{"type": "flattened", "ignore_above": maxTerm},
		fTokens + "message": tokens, fTokens + "event.original": tokens,
	}
	for f, d := range event.CoreFields() {
		properties[d.Name] = kindMapping[d.Kind]
		if event.Field(f) == event.FieldOriginal {
			properties[d.Name] = kept
		}
	}
	return properties
}

// settings are those of every index.
func (s *Store) settings() dsl {
	return dsl{
		"number_of_shards": s.cfg.Shards, "number_of_replicas": s.cfg.Replicas,
		// The store refreshes before it reads what it wrote; this is for other readers.
		"refresh_interval": "5s",
	}
}

// eventTemplate is the index template of events.
func (s *Store) eventTemplate() dsl {
	settings := s.settings()
	settings["mapping.total_fields.limit"] = 10_000 // there are as many as formats have, whatever documents say
	return template(s.names.events(), settings, dsl{
		"dynamic": "strict", "properties": coreMapping(),
		// Tokens and pairs follow from the rest.
		"_source": dsl{"excludes": []string{fTokens + "*", fPairs, fExtra}},
	})
}

func (s *Store) rollupTemplate() dsl {
	return template(s.names.rollups(), s.settings(), dsl{"dynamic": "strict", "properties": dsl{
		fWriter: keyword, fBatch: long, fieldSite: keyword, fieldDataset: keyword, "series": keyword, "@timestamp": date,
		"minute": long, "bucket": long, "n": counted, "sum": dsl{"type": "double", "index": false},
	}})
}

// template is the index template of all indices behind an alias.
func template(alias string, settings, mappings dsl) dsl {
	return dsl{
		"index_patterns": []string{alias + "-*"}, "priority": 200,
		"template": dsl{"settings": settings, "mappings": mappings, "aliases": dsl{alias: dsl{}}},
	}
}

var (
	fieldTime    = event.CoreFields()[event.FieldTime].Name
	fieldDataset = event.CoreFields()[event.FieldDataset].Name
	fieldSite    = event.CoreFields()[event.FieldSite].Name
)

// ownIndices are the indices that there is one of each, with their mappings.
func (s *Store) ownIndices() map[string]dsl {
	return map[string]dsl{
		s.names.state():      {"kind": keyword, fWriter: keyword, fGen: keyword, "body": anything},
		s.names.quarantine(): s.quarantineProperties(),
		s.names.findings(): {
			fWriter: keyword, fBatch: long, "@timestamp": date, fTime: long, "id": keyword, "rule": keyword,
			"severity": keyword, "audience": keyword, fieldSite: keyword, "title": text, "message": text, "count": long, "body": anything,
		},
	}
}

// mappable reports whether Elasticsearch takes a field's name, and whether it is none of the store's own.
func mappable(name string) bool {
	if strings.HasPrefix(name+".", "veritail.store.") || strings.HasPrefix(name+".", fExtra+".") || len(name) > 200 || strings.ContainsAny(name, "*\x00") {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.TrimSpace(part) != part || part[0] == '_' {
			return false
		}
	}
	return true
}
