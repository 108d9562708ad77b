package need

import (
	"os"
	"testing"
)

// Root skips a test that takes on the rights of other users unless root runs it; with REQUIRE_ALL=1 it fails.
func Root(t testing.TB) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	const message = "takes on the rights of other users, which root may"
	if os.Getenv("REQUIRE_ALL") == "1" {
		t.Fatal(message)
	}
	t.Skip(message)
}
