package main

import (
	"regexp"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/checkout"
)

// TestVersions holds "rollcall version" to naming what it judges by. Only a test of a command's own
// package is told its modules.
func TestVersions(t *testing.T) {
	if got := checkout.Versions("rollcall"); !regexp.MustCompile(
		`(?m)^github\.com/open-policy-agent/opa v\d`).MatchString(got) {
		t.Errorf("rollcall version names no OPA:\n%s", got)
	}
}
