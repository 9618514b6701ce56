package checkout

import (
	"runtime/debug"
	"testing"
)

func TestCommit(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "a066cc6"}
	at := debug.BuildSetting{Key: "vcs.time", Value: "2026-12-01T05:10:00Z"}
	for want, settings := range map[string][]debug.BuildSetting{
		"":                                      {{Key: "-trimpath", Value: "true"}},
		"commit a066cc6 2026-12-01T05:10:00Z\n": {at, revision, {Key: "vcs.modified", Value: "false"}},
		"commit a066cc6 2026-12-01T05:10:00Z with changes\n": {at, revision, {Key: "vcs.modified", Value: "true"}},
	} {
		if got := commit(settings); got != want {
			t.Errorf("commit(%v) = %q, want %q", settings, got, want)
		}
	}
}
