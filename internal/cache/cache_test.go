package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"
)

type value struct {
	Name string
	Any  map[string]any
}

func open(t *testing.T, dir string, scope ...string) *Store {
	t.Helper()
	s, err := New(dir, scope...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	want := value{Name: "x", Any: map[string]any{"whole": int64(1), "part": 1.0, "none": nil,
		"list": []any{true, "\xff", int64(-2)},
		"map":  map[string]any{}}}
	s := open(t, dir, "one")
	s.Put("n", want)
	s.Close()

	var got value
	if s := open(t, dir, "one"); !s.Get("n", &got) || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	var none value
	if s.Get("other", &none) || open(t, dir, "two").Get("n", &none) || !reflect.DeepEqual(none, value{}) {
		t.Errorf("another name or scope has %#v", none)
	}
	if info, err := os.Stat(s.file("n")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}

// A file that was cut off, changed or is somebody else's is as none, and is replaced.
func TestDamaged(t *testing.T) {
	s := open(t, t.TempDir())
	s.Put("n", value{Name: "x", Any: map[string]any{"a": "b"}})
	s.Close()
	good, err := os.ReadFile(s.file("n"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(good) {
		for _, bad := range [][]byte{good[:i], append(append([]byte{}, good[:i]...),
			append([]byte{good[i] ^ 1}, good[i+1:]...)...)} {
			if err := os.WriteFile(s.file("n"), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			var got value
			if s.Get("n", &got) || !reflect.DeepEqual(got, value{}) {
				t.Fatalf("byte %d: got %#v", i, got)
			}
		}
	}
	if err := os.Remove(s.file("n")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.file("n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var got value
	if s.Get("n", &got) {
		t.Error("a folder has a value")
	}
	s.Put("n", value{})
	s.Close()

	wrong := open(t, t.TempDir())
	wrong.Put("n", []string{"no value"})
	wrong.Close()
	if wrong.Get("n", &got) || !reflect.DeepEqual(got, value{}) {
		t.Errorf("another type gave %#v", got)
	}
}

// Many runs at once see a whole value or none.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s, err := New(dir)
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				var got []int
				if s.Get("n", &got) && (len(got) != 1000 || got[0] != got[999]) {
					t.Errorf("a part: %d", len(got))
				}
				s.Put("n", fill(i))
			}
			s.Close()
		})
	}
	all.Wait()
	if files := list(dir); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
}

func fill(n int) []int {
	all := make([]int, 1000)
	for i := range all {
		all[i] = n
	}
	return all
}

func TestBounds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 4 {
		s.Put(fmt.Sprint(i), make([]byte, 1000))
		s.Close()
		old := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(s.file(fmt.Sprint(i)), old, old); err != nil {
			t.Fatal(err)
		}
	}
	var got []byte
	if !s.Get("0", &got) { // used just now: it stays
		t.Fatal("no value")
	}
	prune(dir, 2500)
	for i, want := range []bool{true, false, false, true} {
		if have := s.Get(fmt.Sprint(i), &got); have != want {
			t.Errorf("value %d: %v, want %v", i, have, want)
		}
	}
}

// Clean takes the cache's own files and nothing else.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	s.Put("n", "value")
	s.Close()
	size := list(dir)[0].Size()
	if got, err := Clean(dir); err != nil || got != size {
		t.Errorf("cleaned %d bytes, %v; want %d", got, err, size)
	}
	if _, err := os.Stat(mine); err != nil || len(list(dir)) != 0 {
		t.Errorf("left: %v, %v", list(dir), err)
	}
	if got, err := Clean(filepath.Join(dir, "none")); err != nil || got != 0 {
		t.Errorf("no folder: %d, %v", got, err)
	}
}

// Where nothing can be written, there is just no cache.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(file, "dir"))
	s.Put("n", 1)
	s.Close()
	var got int
	if s.Get("n", &got) {
		t.Error("a value from nowhere")
	}
}
