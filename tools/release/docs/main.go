// Command docs writes what a release has beside its programs: the man pages of rollcall's commands, and
// its completions for shells.
//
//	go run ./docs FOLDER
//
// The pages' date is SOURCE_DATE_EPOCH, seconds since 1970, or now.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra/doc"

	"github.com/rollcall-dev/rollcall/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docs FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "docs: %v\n", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	man, completions := filepath.Join(folder, "man"), filepath.Join(folder, "completions")
	for _, dir := range []string{man, completions} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	cmd := cli.Command()
	cmd.DisableAutoGenTag = true
	date := time.Now().UTC()
	if epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(epoch, 0).UTC()
	}
	if err := doc.GenManTree(cmd, &doc.GenManHeader{Section: "1", Date: &date, Source: "rollcall", Manual: "Rollcall"},
		man); err != nil {
		return err
	}
	for name, generate := range map[string]func(string) error{
		"rollcall.bash": func(file string) error { return cmd.GenBashCompletionFileV2(file, true) },
		"_rollcall":     cmd.GenZshCompletionFile,
		"rollcall.fish": func(file string) error { return cmd.GenFishCompletionFile(file, true) },
		"rollcall.ps1":  cmd.GenPowerShellCompletionFileWithDesc,
	} {
		if err := generate(filepath.Join(completions, name)); err != nil {
			return err
		}
	}
	return nil
}
