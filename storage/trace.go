package storage

import "context"

// A Trace follows a read while a store answers it. Its functions may be nil. They are called from goroutines of the
// store's, one call at a time, and never after the read has returned; a slow one delays the answer.
type Trace struct {
	Progress func(Progress) // now and then, while events are looked at; nothing need have changed
	Step     func(string)   // how the question was answered, a line at a time
}

// Progress is how far a read has come.
type Progress struct {
	Read  int64 `json:"read"`            // events that were looked at, or left out together
	Total int64 `json:"total,omitempty"` // of how many; 0: nobody knows
	Found int64 `json:"found,omitempty"` // events that match, so far as this is known before the end
}

type traceKey struct{}

// WithTrace returns a context whose reads t follows.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns what follows the reads of ctx; without one its functions are nil.
func TraceOf(ctx context.Context) Trace {
	t, _ := ctx.Value(traceKey{}).(Trace)
	return t
}
