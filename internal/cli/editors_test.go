package cli

import (
	"os"
	"strings"
	"testing"
)

// The page on editors shows what editors/check.sh runs in them.
func TestEditorsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/editor.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"neovim/rollcall.lua", "emacs/rollcall.el"} {
		text, err := os.ReadFile("../../editors/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "\n"+string(text)+"```\n") {
			t.Errorf("docs/editor.md does not show editors/%s", name)
		}
	}
}
