package source

import "github.com/saypro/veritail/pipeline/event"

// Is reports whether the file that path names now is the one of generation g, and not one that took its name.
func Is(g event.Generation, path string) bool {
	at, err := factsAt(path)
	return err == nil && at.inode == inode{g.Device, g.Inode}
}
