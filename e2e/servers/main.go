//go:build unix

// Servers builds the tools of a module and prints the folder of their binaries: etcd, kube-apiserver and Karmada for
// this module, and for the folder that its argument names, such as ../fluxservers, what that one requires. The binaries
// are in the user's cache: the first run takes about ten minutes on two cores, later ones a second.
// The modules exist for that alone. What they require is what the servers are made of, at the versions that Karmada's
// own release has, and Flux's.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// build is how the servers are built: static, and for a short build rather than for fast servers.
var build = []string{"build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-gcflags=all=-N -l -dwarf=false"}

func main() {
	if len(os.Args) > 1 {
		if err := os.Chdir(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "servers:", err)
			os.Exit(1)
		}
	}
	dir, err := servers()
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}

// servers is the folder of the binaries, made by whoever comes first: packages are tested side by side.
func servers() (string, error) {
	key, err := key()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "rollcall-e2e")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, key+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()

	dir := filepath.Join(cache, key)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fmt.Fprintln(os.Stderr, "servers: building them, once; this takes ten minutes and more")
	unfinished, err := os.MkdirTemp(cache, key+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	cmd := exec.Command("go", append(build, "-o", unfinished+string(filepath.Separator), "tool")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go build: %w", err)
	}
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return "", err
	}
	return dir, os.Rename(unfinished, dir)
}

// key stands for all that the binaries are made from.
func key() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, build)
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("%w: run it in its own folder", err)
		}
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// lock waits until no other process holds the file.
func lock(file string) (unlock func(), err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return func() { f.Close() }, nil
}
