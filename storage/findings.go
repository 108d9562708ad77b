package storage

import (
	"encoding/json"

	"github.com/saypro/veritail/pipeline/event"
)

// A findingBody is a finding as stores keep it: what JSON for users leaves out stands beside it.
type findingBody struct {
	event.Finding
	Hashes [][32]byte `json:"sha256"`
}

// FindingBody returns a finding as stores keep it, in JSON.
func FindingBody(f event.Finding) ([]byte, error) {
	body := findingBody{Finding: f}
	for _, e := range f.Evidence {
		body.Hashes = append(body.Hashes, e.SHA256)
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
	}
	return f.Finding, nil
}
