package embedded

import "regexp"

// Held is why Open failed where another process has the store open.
type Held struct {
	By  string // the other process, as "/usr/bin/veritail (PID 4242)"; "" if that is not known
	err error
}

func (h *Held) Error() string {
	if h.By == "" {
		return "another process has it open"
	}
	return "another process has it open: " + h.By
}

func (h *Held) Unwrap() error { return h.err }

var (
	lockRefused = regexp.MustCompile(`(?s)Could not set lock on file.*`)
	lockHolder  = regexp.MustCompile(`(?s)lock is held in (\S.*?\(PID [0-9]+\))`)
)

// asHeld returns err as a *Held if it says that the lock on the database's file was not given.
func asHeld(err error) error {
	if err == nil || !lockRefused.MatchString(err.Error()) {
		return err
	}
	h := &Held{err: err}
	if m := lockHolder.FindStringSubmatch(err.Error()); m != nil {
		h.By = m[1]
	}
	return h
}
