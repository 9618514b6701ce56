package controlplane

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a server that runs until it is killed, or until the test ends, in whichever way.
type Process struct {
	name, log string
	cmd       *exec.Cmd
	// ended is closed when the process is gone.
	ended chan struct{}
}

// start runs a server. What it prints goes to a file, whose end is shown when the test fails. The server outlives t,
// which may be a subtest: it ends with the test that the deployment belongs to.
func (d *deployment) start(t testing.TB, name, binary string, args ...string) *Process {
	t.Helper()
	return d.run(t, name, filepath.Join(d.binaries, binary), args...)
}

// run is start for any program.
func (d *deployment) run(t testing.TB, name, program string, args ...string) *Process {
	t.Helper()
	log, err := os.CreateTemp(d.dir, name+"-*.log")
	must(t, err)
	defer log.Close()
	p := &Process{name: name, log: log.Name(), cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = tied()
	must(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // how it ended is of no interest: its log tells
		close(p.ended)
	}()
	d.t.Cleanup(func() {
		p.Kill()
		if d.t.Failed() {
			d.t.Logf("the end of %s's log:\n%s", name, p.tail(25))
		}
	})
	return p
}

// Kill ends the process and all that it started, at once, as a loss of power does.
func (p *Process) Kill() {
	if p.Running() == nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may be gone by now: just as well
	}
	<-p.ended
}

// Stop asks the process to end, and waits until it has.
func (p *Process) Stop() {
	if p.Running() == nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone by now: just as well
	}
	<-p.ended
}

// Running is an error, with the last words, once the process has ended.
func (p *Process) Running() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended:\n%s", p.name, p.tail(25))
	default:
		return nil
	}
}

// Log is what the process has printed.
func (p *Process) Log() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data))
}

// tail is the last lines of the log.
func (p *Process) tail(n int) string {
	lines := strings.Split(p.Log(), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// patience is how long anything may take: much longer than it does, for machines that are busy with something else.
const patience = 6 * time.Minute

// Await waits until what is described comes true, that is, until the check has no error, and fails the test with the
// last one where it does not within minutes.
func Await(t testing.TB, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		// A server that is just starting may take a request and never answer it.
		try, done := context.WithTimeout(ctx, 10*time.Second)
		err := check(try)
		done()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s for %s: %v", patience, what, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Remains checks for a while that what is described goes on being true: that nothing happens cannot be seen at once.
func Remains(t testing.TB, d time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if err := check(t.Context()); err != nil {
			t.Fatalf("%s does not last: %v", what, err)
		}
	}
}

// ports are those that were given out.
var ports sync.Map

// FreePort is a port of loopback on which nothing listens. It lies below those that the kernel gives to outgoing
// connections, so that it stays free until the server listens, and while a server is down.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20_000 + rand.IntN(12_000)
		if _, taken := ports.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		must(t, l.Close())
		return port
	}
	t.Fatal("no port is free")
	return 0
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
