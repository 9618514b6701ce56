// Package cache keeps values in files for later runs of the program. It may forget any of them at any time: whoever
// uses it gets along without.
package cache

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
)

const (
	// maxTotal bounds a folder, in bytes; the files that were used least lately go first.
	maxTotal = 1 << 30
	// maxFile bounds one file, in bytes. A tree of 100,000 files needs some 80 MB for its largest.
	maxFile = 256 << 20
	// suffix ends the names of the cache's files, so that Clean takes nothing else.
	suffix = ".rollcall-cache"
)

// Store is a folder of values. Several programs may use one folder at once: each file is written elsewhere and put in
// its place when it is complete, and carries a checksum.
type Store struct {
	dir, scope string
	decoder    cbor.DecMode
	writes     sync.WaitGroup
	mu         sync.Mutex
	wrote      bool
}

// New is the store in the folder, which need not exist. Values of one scope are not seen in another: it says what they
// depend on besides their names, such as the program that made them.
func New(dir string, scope ...string) (*Store, error) {
	decoder, err := cbor.DecOptions{
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		IntDec:           cbor.IntDecConvertSignedOrFail,
		UTF8:             cbor.UTF8DecodeInvalid, // what a !!binary leaf holds
		MaxNestedLevels:  1000,
		MaxArrayElements: 1 << 24,
		MaxMapPairs:      1 << 24,
	}.DecMode()
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	return &Store{dir: dir, scope: fmt.Sprintf("%q", scope), decoder: decoder}, nil
}

func (s *Store) file(name string) string {
	sum := sha256.Sum256([]byte(s.scope + " " + name))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16])+suffix)
}

// Get fills in what was put under the name, and tells whether there was anything. A file that is truncated, or that is
// somebody else's, counts as none.
func (s *Store) Get(name string, value any) bool {
	file := s.file(name)
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFile || info.Size() < sha256.Size {
		return false
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return false
	}
	if sum := sha256.Sum256(data[sha256.Size:]); !bytes.Equal(sum[:], data[:sha256.Size]) {
		return false
	}
	if s.decoder.Unmarshal(data[sha256.Size:], value) != nil {
		reflect.ValueOf(value).Elem().SetZero() // what was read of it is no value
		return false
	}
	if age := time.Since(info.ModTime()); age > time.Hour { // the time of the last use, roughly
		_ = os.Chtimes(file, time.Time{}, time.Now())
	}
	return true
}

// Put writes the value, which must not be changed any more, while the caller goes on. What
// cannot be written is forgotten.
func (s *Store) Put(name string, value any) {
	s.writes.Go(func() {
		if s.write(s.file(name), value) == nil {
			s.mu.Lock()
			s.wrote = true
			s.mu.Unlock()
		}
	})
}

func (s *Store) write(file string, value any) error {
	data, err := cbor.Marshal(value)
	if err != nil || len(data) > maxFile-sha256.Size {
		return cmp.Or(err, fs.ErrInvalid)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, "*"+suffix) // readable by its owner alone
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	_, err = f.Write(sum[:])
	if err == nil {
		_, err = f.Write(data)
	}
	err = cmp.Or(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Close waits for what is being written, and keeps the folder within its bounds.
func (s *Store) Close() {
	s.writes.Wait()
	if s.wrote {
		prune(s.dir, maxTotal)
	}
}

// prune removes the files that were used least lately until the rest has no more than limit bytes.
func prune(dir string, limit int64) {
	files := list(dir)
	var total int64
	for _, f := range files {
		total += f.Size()
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= limit {
			return
		}
		if os.Remove(filepath.Join(dir, f.Name())) == nil {
			total -= f.Size()
		}
	}
}

// Clean removes the cache's files from the folder, those of all scopes, and tells how many bytes they had.
func Clean(dir string) (int64, error) {
	var total int64
	for _, f := range list(dir) {
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
			return total, fmt.Errorf("clean the cache: %w", err)
		}
		total += f.Size()
	}
	_ = os.Remove(dir) // if nothing else is in it
	return total, nil
}

// list are the cache's files in the folder.
func list(dir string) []fs.FileInfo {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var files []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), suffix) {
			files = append(files, info)
		}
	}
	return files
}
