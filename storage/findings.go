package storage

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// A findingBody is a finding as stores keep it: what JSON for users leaves out stands beside it.
type findingBody struct {
	event.Finding
	Hashes [][32]byte     `json:"sha256"`
	Bytes  map[int][]byte `json:"bytes,omitempty"` // the texts of evidence, by its number, that JSON cannot hold as they are
}

// FindingBody returns a finding as stores keep it, in JSON.
func FindingBody(f event.Finding) ([]byte, error) {
	body := findingBody{Finding: f}
	for i, e := range f.Evidence {
		body.Hashes = append(body.Hashes, e.SHA256)
		if !utf8.ValidString(e.Text) {
			if body.Bytes == nil {
				body.Bytes = map[int][]byte{}
			}
			body.Bytes[i] = []byte(e.Text)
		}
	}
	return json.Marshal(body)
}

// ReadFinding reads what FindingBody wrote.
func ReadFinding(body []byte) (event.Finding, error) {
	var f findingBody
	if err := json.Unmarshal(body, &f); err != nil {
		return event.Finding{}, err
	}
	for i := range f.Evidence {
		if i < len(f.Hashes) {
			f.Evidence[i].SHA256 = f.Hashes[i]
		}
		if text, ok := f.Bytes[i]; ok {
			f.Evidence[i].Text = string(text)
		}
	}
	return f.Finding, nil
}
