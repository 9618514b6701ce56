package engine_test

import (
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// The order in which maps are gone through and goroutines take turns shows nowhere: not in the facts and not in the
// findings of any example. ROLLCALL_TIMES says how often each is read again.
func TestOrderShowsNowhere(t *testing.T) {
	examples, err := example.ReadAll("../../testdata/rules")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	times, err := strconv.Atoi(os.Getenv("ROLLCALL_TIMES"))
	if err != nil {
		times = 2
	}
	outcome := func(tree example.Tree) string {
		read, err := loader.Load(t.Context(), tree.Files, loader.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := fleet.Build(read, fleet.Declared{Date: "2026-01-01"})
		found, err := e.Check(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		loader.Locate(tree.Files, found)
		facts, err := engine.Facts(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal([]any{facts, found, f.Unknown(), read.Unreached})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for id, trees := range examples {
		for _, tree := range trees {
			runtime.GOMAXPROCS(1)
			want := outcome(tree)
			for i := range times {
				runtime.GOMAXPROCS(2 + i%3)
				if got := outcome(tree); got != want {
					t.Fatalf("%s/%s:\n%s\nand then\n%s", id, tree.Name, want, got)
				}
			}
		}
	}
}
