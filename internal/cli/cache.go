package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/cache"
)

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Manage what earlier runs keep for later ones",
		Long: `Rollcall keeps what it has read of a tree, without any secret value, so that the next run reads only what has
changed; and the last report on the whole tree, for a run of the same program in which nothing has changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "clean",
		Short: "Remove all of it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := a.cacheFolder()
			if err != nil {
				return err
			}
			size, err := cache.Clean(dir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stderr, "removed %.1f MiB from %s\n", float64(size)/(1<<20), dir)
			return err
		},
	})
	return cmd
}

// cacheFolder is the folder of the cache, which need not exist.
func (a *app) cacheFolder() (string, error) {
	if a.cacheDir != "" {
		return a.cacheDir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", errors.New("there is no folder for caches here: name one with --cache-dir")
	}
	return filepath.Join(dir, "rollcall"), nil
}

// openCache is what earlier runs of this very program kept of the tree; nil where nothing is to be kept. A folder in
// the checkout is not used: whoever brought it may have written verdicts of their own there.
func (a *app) openCache(t *tree) *cache.Store {
	dir, err := a.cacheFolder()
	if a.noCache || err != nil {
		return nil
	}
	if t.bringsCache(dir, a.cacheDir != "") {
		t.cacheLeftOut = dir
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return nil
	}
	info, err := os.Stat(program)
	if err != nil {
		return nil
	}
	store, err := cache.New(dir, version(), fmt.Sprint(info.Size(), info.ModTime().UnixNano()), t.root)
	if err != nil {
		return nil
	}
	return store
}

// bringsCache tells whether a folder lies in the tree's checkout, or behind a symbolic link there. What lies beside
// the tree in the working directory counts where the user has named the folder; by default it may well be the user's
// own.
func (t *tree) bringsCache(dir string, named bool) bool {
	inside := func(name string) bool {
		_, in := below(cmp.Or(checkoutOf(t.root), t.root), name)
		return in || named && t.brought(name)
	}
	linked := false
	at, err := resolve(dir, func(link string) error {
		linked = linked || inside(link)
		return nil
	})
	return err != nil || linked || inside(at)
}
