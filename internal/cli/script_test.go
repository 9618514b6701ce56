package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rollcall": func() { os.Exit(Main()) }})
}

// TestScript runs the program in each script of testdata/script, in a folder that looks like a Git work tree, beside
// copies of testdata/fleet and testdata/seed; $OUTSIDE is a folder outside of that work tree. "exits CODE COMMAND…"
// runs a command that must exit so.
//
// UPDATE=1 go test ./internal/cli writes the outputs that the scripts compare with anew.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, errors.New("unknown condition")
		},
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"fleet", "seed"} {
				if err := os.CopyFS(filepath.Join(env.WorkDir, name),
					os.DirFS(filepath.Join("../../testdata", name))); err != nil {
					return err
				}
			}
			outside, err := os.MkdirTemp("", "rollcall-outside-")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(outside) })
			env.Setenv("OUTSIDE", outside)
			return os.Mkdir(filepath.Join(env.WorkDir, ".git"), 0o755)
		},
	})
}

func exits(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) < 2 {
		ts.Fatalf("usage: exits code command [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
