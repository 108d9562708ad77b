package embedded

import (
	"path/filepath"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string, schema *event.Schema) storetest.Store {
		s, err := Open(t.Context(), Config{Path: filepath.Join(dir, "events.db"), Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
