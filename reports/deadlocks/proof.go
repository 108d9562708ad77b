package deadlocks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/saypro/veritail/rules/transactions/reproduce"
)

// A Proof is that a deadlock was run again: with it, and in an order without it. The findings of a store are never changed; it lies
// beside them, in the daemon's state.
type Proof struct {
	At       time.Time         `json:"at"`
	Reported string            `json:"reported"` // what the scratch server says of the deadlock, "" where none came
	Same     bool              `json:"same"`     // it is of the pattern in the log
	Result   *reproduce.Result `json:"result"`
}

// Proofs is the folder of proofs below a daemon's state.
func Proofs(state string) string { return filepath.Join(state, "reproduced") }

// maxProof bounds the bytes of a proof.
const maxProof = 4 << 20

var findingID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// Attach keeps the proof for a finding; a later one takes the place of an earlier.
func (p *Proof) Attach(dir, finding string) error {
	if !findingID.MatchString(finding) {
		return fmt.Errorf("attach the runs: %q is no finding's id", finding)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("attach the runs to %s: %w", finding, err)
	}
	if len(text) > maxProof {
		return fmt.Errorf("attach the runs to %s: %d bytes are too many", finding, len(text))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("attach the runs to %s: %w", finding, err)
	}
	path := filepath.Join(dir, finding+".json")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil { //nolint:gosec // the daemon, another user, reads it; the folder above is its own
		return fmt.Errorf("attach the runs to %s: %w", finding, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("attach the runs to %s: %w", finding, err)
	}
	return nil
}

// proof returns what was attached to a finding, nil where nothing was.
func proof(dir, finding string) (*Proof, error) {
	if dir == "" || !findingID.MatchString(finding) {
		return nil, nil
	}
	f, err := os.Open(filepath.Join(dir, finding+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the runs of %s: %w", finding, err)
	}
	defer f.Close()
	var p Proof
	if err := json.NewDecoder(io.LimitReader(f, maxProof)).Decode(&p); err != nil {
		return nil, fmt.Errorf("read the runs of %s: %w", finding, err)
	}
	if p.Result == nil || p.Result.Case == nil || p.Result.With.Play == nil {
		return nil, fmt.Errorf("read the runs of %s: they are not whole", finding)
	}
	return &p, nil
}
