package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/report"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// The exit codes.
const (
	clean      = 0
	findings   = 1 // at least as severe as --fail-on asks
	unfinished = 2 // a usage error, input that cannot be read
)

// errFindings ends a run that found something, which is said already.
var errFindings = errors.New("there are findings")

// app is one run of the program: its streams, its environment and the flags that all commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	isTerminal     func(io.Writer) bool

	root     string
	config   string
	ruleDirs []string
	// noOwnRules leaves out the rules that the tree's configuration names.
	noOwnRules bool
	noColor    bool
	cacheDir   string
	noCache    bool
}

// run runs the program with its arguments, without its name, and gives the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			sayPanic(stderr, r)
			code = unfinished
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv, isTerminal: isTerminal}
	cmd := a.command()
	cmd.SetArgs(joinBase(args))
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	switch err := cmd.ExecuteContext(ctx); {
	case err == nil:
		return clean
	case errors.Is(err, errFindings):
		return findings
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "rollcall: interrupted")
	default:
		fmt.Fprintln(stderr, shownError(err))
	}
	return unfinished
}

// shownError is an error as it may be shown: it may quote what is in a repository.
func shownError(err error) string {
	lines := strings.Split("rollcall: "+err.Error(), "\n")
	for i, line := range lines {
		lines[i] = secret.Message(line)
	}
	return strings.Join(lines, "\n")
}

// command is the command line: linting itself is the root command.
func (a *app) command() *cobra.Command {
	cmd := a.lintCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.Version = checkout.Versions("rollcall") // --version says what the command version says
	cmd.SetVersionTemplate("{{.Version}}")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w\nrun %q for the flags", err, cmd.CommandPath()+" --help")
	})
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.root, "root", "",
		"the tree's `folder`; by default the nearest one at or above PATH from which the Flux paths resolve")
	flags.StringVar(&a.config, "config", "", "the configuration's `file`; by default .rollcall.yaml in the tree's root")
	flags.StringArrayVar(&a.ruleDirs, "rules", nil, "a `folder` of further rules; may be repeated")
	flags.BoolVar(&a.noOwnRules, "no-own-rules", false, "leave out the rules that the configuration names in rulePaths")
	flags.BoolVar(&a.noColor, "no-color", false, "no colours, also by NO_COLOR in the environment")
	flags.StringVar(&a.cacheDir, "cache-dir", "",
		"the `folder` that keeps what was read for the next run; by default the user's")
	flags.BoolVar(&a.noCache, "no-cache", false, "read everything anew, and keep nothing")
	cmd.AddCommand(a.cacheCommand(), a.diffCommand(), a.exceptionsCommand(), a.explainCommand(), a.factsCommand(),
		a.failoverCommand(), a.initCommand(),
		a.lspCommand(), a.mapCommand(), a.reportCommand(), a.reportFalseCommand(), a.rulesCommand(), a.verifyCommand(),
		a.versionCommand())
	return cmd
}

// sayPanic asks for a report. What was panicked with may hold a part of somebody's objects; where it happened does not,
// and neither do the runtime's own errors.
func sayPanic(w io.Writer, r any) {
	what := fmt.Sprintf("%T", r)
	if err, ok := r.(runtime.Error); ok {
		what = err.Error()
	}
	fmt.Fprintf(w, "rollcall: internal error: %s\nplease report it with what follows at %s/issues\n", what, report.Home)
	for line := range strings.Lines(string(debug.Stack())) {
		if !strings.HasPrefix(line, "\t") { // a function; its arguments are addresses
			line, _, _ = strings.Cut(line, "({0x")
			fmt.Fprintf(w, "  %s\n", strings.TrimSpace(line))
		}
	}
}
