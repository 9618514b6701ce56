package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"time"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/live"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

// retryAfter is how long a folder that could not be loaded is left alone, unless something in it changes.
const retryAfter = time.Minute

// folder is a fleet in a folder, which is read again when a file in it changes, and when the day does, since
// certificates expire. It is looked at every so often: that needs no watch on each of its folders, and works for what
// git-sync, ConfigMaps and network file systems put there, where the folder itself is a link that is changed.
type folder struct {
	dir   string
	every time.Duration
	now   func() time.Time
	store *serving.Store
}

// Start looks after the folder until ctx is done.
func (f *folder) Start(ctx context.Context) error {
	ticker := time.NewTicker(f.every)
	defer ticker.Stop()
	var tried, last string
	var retry time.Time
	var loading *loading
	for {
		seen, err := f.look(ctx)
		settled := last == "" || seen == last // else files are being written
		if err != nil {
			f.store.Failed(ctx, serving.SourceFailure, err)
		} else {
			f.store.Recovered(ctx, serving.SourceFailure)
		}
		switch changed := err == nil && settled && seen != tried; {
		case loading != nil && changed:
			loading.giveWay()
		case loading == nil && (changed || err == nil && settled && !retry.IsZero() && f.now().After(retry)):
			tried, retry = seen, time.Time{}
			loading = begin(ctx, f.load)
		}
		last = seen
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return nil
			case ok := <-loading.ended():
				if loading = nil; !ok {
					retry = f.now().Add(retryAfter)
				}
			case <-ticker.C:
				waiting = false
			}
		}
	}
}

// loading is a load that is under way.
type loading struct {
	done   chan bool
	begun  time.Time
	cancel context.CancelCauseFunc
}

func begin(ctx context.Context, load func(context.Context) bool) *loading {
	ctx, cancel := context.WithCancelCause(ctx)
	l := &loading{make(chan bool, 1), time.Now(), cancel}
	go func() {
		defer cancel(nil)
		l.done <- load(ctx)
	}()
	return l
}

// ended gives whether it has loaded, once it has ended; never where there is none.
func (l *loading) ended() <-chan bool {
	if l == nil {
		return nil
	}
	return l.done
}

// giveWay ends the load for a newer one, unless it may still be about to end by itself.
func (l *loading) giveWay() {
	if time.Since(l.begun) > live.Patience {
		l.cancel(live.ErrSuperseded)
	}
}

// look is a mark of what is in the folder today: another one means that something has changed.
func (f *folder) look(ctx context.Context) (string, error) {
	dir, err := filepath.EvalSymlinks(f.dir)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", f.dir, checkout.Cause(err))
	}
	sum := sha256.New()
	fmt.Fprintln(sum, f.now().UTC().Format(time.DateOnly), dir)
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return ctx.Err() // what cannot be read now may be gone
		}
		if d.IsDir() {
			return skipGit(d)
		}
		if info, err := d.Info(); err == nil {
			fmt.Fprintf(sum, "%q %d %d %s\n", name, info.Size(), info.ModTime().UnixNano(), info.Mode())
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", f.dir, err)
	}
	return mark(sum), nil
}

// load has the store judge by the folder.
func (f *folder) load(ctx context.Context) bool {
	return f.store.Serve(ctx, f.open) == nil
}

// open is the content of the folder.
func (f *folder) open(ctx context.Context) (from serving.Content, err error) {
	if from.FS, err = loader.Open(f.dir); err != nil {
		return from, fmt.Errorf("open %s: %w", f.dir, checkout.Cause(err))
	}
	if from.Digest, err = digestOf(ctx, from.FS); err != nil {
		return from, fmt.Errorf("read %s: %w", f.dir, err)
	}
	from.Name = filepath.ToSlash(f.dir)
	from.ConfigName = path.Join(from.Name, config.Name)
	return from, nil
}

// digestOf is a digest of the names and the content of all files.
func digestOf(ctx context.Context, fsys fs.FS) (string, error) {
	all := sha256.New()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || ctx.Err() != nil:
			return cmp.Or(ctx.Err(), err)
		case d.IsDir():
			return skipGit(d)
		case !d.Type().IsRegular():
			return nil
		}
		file, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, file); err != nil {
			return err
		}
		fmt.Fprintf(all, "%x %q\n", sum.Sum(nil), name)
		return nil
	})
	return "sha256:" + mark(all), err
}

func skipGit(d fs.DirEntry) error {
	if d.Name() == ".git" {
		return fs.SkipDir
	}
	return nil
}

func mark(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
