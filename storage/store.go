package storage

// A Store is all that a daemon asks of one.
type Store interface {
	Writer
	Reader
	Keeper
}
