//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/tools/installed"
)

const (
	nameOfWebhook, nameOfOPA = "rollcall-webhook", "opa run --server"
	// connections ask as fast as they are answered.
	connections = 8
	// loading is how long a server may take until it answers.
	loading = 5 * time.Minute
)

// programs are the files of the programs that are measured.
type programs struct{ rollcall, server, version string }

// newPrograms builds rollcall-webhook as it is released, and sees to OPA of the version that it is built with.
func newPrograms(ctx context.Context, scratch string) (p programs, err error) {
	p.rollcall = filepath.Join(scratch, nameOfWebhook)
	if err := installed.Build(ctx, p.rollcall, "./cmd/webhook"); err != nil {
		return p, err
	}
	const module = "github.com/open-policy-agent/opa"
	var version strings.Builder
	if err := installed.Run(ctx, &version, nil, "go", "list", "-m", "-f", "{{.Version}}", module); err != nil {
		return p, err
	}
	p.version = strings.TrimSpace(version.String())
	p.server, err = installed.Install(ctx, module+"@"+p.version)
	return p, err
}

// server is one that is measured.
type server struct {
	name, url string
	questions *questions
	process   *exec.Cmd
	web       *http.Client
	// ask asks a question; an error is no verdict, or a wrong one.
	ask func(question) error
}

func (p programs) webhook(ctx context.Context, q *questions) (*server, error) {
	s := &server{name: nameOfWebhook, questions: q, web: client()}
	address, status := freeAddress(), freeAddress()
	s.url = "https://" + address + "/validate/" + karmada + "?timeout=30s"
	s.ask = func(q question) error {
		var review admissionv1.AdmissionReview
		if err := s.post(q.review, &review); err != nil {
			return err
		}
		if review.Response == nil || review.Response.Allowed == q.wrong ||
			q.wrong && !strings.Contains(review.Response.Result.Message, rule) {
			return fmt.Errorf("a wrong verdict: %+v", review.Response)
		}
		return nil
	}
	return s, s.start(ctx, "http://"+status+"/readyz", p.rollcall, "--fleet", q.dir, "--self-signed", "--listen",
		address, "--status-listen", status, "--log-level", "error")
}

func (p programs) opa(ctx context.Context, q *questions) (*server, error) {
	s := &server{name: nameOfOPA, questions: q, web: client()}
	address := freeAddress()
	s.url = "http://" + address + "/v1/data/bench/found"
	s.ask = func(q question) error {
		var answer struct{ Result []string }
		if err := s.post(q.input, &answer); err != nil {
			return err
		}
		if answer.Result == nil || slices.Contains(answer.Result, rule) != q.wrong {
			return fmt.Errorf("a wrong verdict: %v", answer.Result)
		}
		return nil
	}
	return s, s.start(ctx, "http://"+address+"/health", p.server, "run", "--server", "--addr", address, "--log-level",
		"error", "--skip-version-check",
		"--ignore", "*_test.rego", "rules", q.data)
}

// client keeps its connections, as an API server does.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 1000}}
}

// freeAddress is one of loopback on which nothing listens.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:9443" // which the server then says is taken
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) start(ctx context.Context, ready, program string, args ...string) error {
	s.process = exec.CommandContext(ctx, program, args...)
	s.process.Stderr = os.Stderr
	if err := s.process.Start(); err != nil {
		return err
	}
	for late := time.Now().Add(loading); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get(ready)
		if err == nil {
			answer.Body.Close()
		}
		if err == nil && answer.StatusCode == http.StatusOK {
			return nil
		}
	}
	s.stop()
	return fmt.Errorf("it is not ready after %s", loading)
}

func (s *server) stop() {
	_ = s.process.Process.Kill() // it may have ended
	_ = s.process.Wait()
}

// errBusy: the server has enough to do, and says so at once.
var errBusy = errors.New("too many requests")

// post sends a body and reads the answer.
func (s *server) post(body []byte, into any) error {
	answer, err := s.web.Post(s.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode == http.StatusTooManyRequests:
		return errBusy
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return json.Unmarshal(text, into)
}

// measure gives a result for each of sorts.
func (s *server) measure(ctx context.Context, rate int, length time.Duration) (all []result, err error) {
	for _, set := range s.questions.sets {
		if _, _, err := s.full(ctx, set, min(length, 2*time.Second)); err != nil { // warms up
			return nil, err
		}
		var r result
		if r.perSecond, r.full, err = s.full(ctx, set, length); err != nil {
			return nil, err
		}
		if r.paced, err = s.paced(ctx, set, rate, length); err != nil {
			return nil, err
		}
		if r.memory, err = s.memory(); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// full asks as fast as the server answers.
func (s *server) full(ctx context.Context, set []question, length time.Duration) (float64, latency, error) {
	var took times
	var next atomic.Int64
	start := time.Now()
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			for time.Since(start) < length && ctx.Err() == nil && took.err() == nil {
				asked := time.Now()
				took.add(asked, s.ask(set[int(next.Add(1))%len(set)]))
			}
		})
	}
	clients.Wait()
	l, err := took.latency()
	return float64(len(took.all)) / time.Since(start).Seconds(), l, errors.Join(err, ctx.Err())
}

// paced asks so many times a second. A server that falls behind has its questions wait: they are those of one
// second at most, so that it does not break down under ones that nobody would wait for.
func (s *server) paced(ctx context.Context, set []question, rate int, length time.Duration) (latency, error) {
	var took times
	var next atomic.Int64
	due := make(chan time.Time, rate)
	var clients sync.WaitGroup
	for range min(rate, 64) {
		clients.Go(func() {
			for at := range due {
				took.add(at, s.ask(set[int(next.Add(1))%len(set)]))
			}
		})
	}
	start := time.Now()
	for i := 0; ctx.Err() == nil && took.err() == nil; i++ {
		at := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if at.Sub(start) > length || time.Since(start) > 2*length {
			break
		}
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	clients.Wait()
	l, err := took.latency()
	return l, errors.Join(err, ctx.Err())
}

// memory is the most that the process has held, in bytes.
func (s *server) memory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	var kib int64
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscanf(after, "%d kB", &kib); err != nil {
		return 0, fmt.Errorf("read the memory of the process: %w", err)
	}
	return kib << 10, nil
}

// times are how long answers took.
type times struct {
	mu     sync.Mutex
	all    []time.Duration
	busy   int
	failed error
}

func (t *times) add(asked time.Time, err error) {
	took := time.Since(asked)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case errors.Is(err, errBusy):
		t.busy++
	case err != nil:
		t.failed = err
	default:
		t.all = append(t.all, took)
	}
}

func (t *times) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *times) latency() (latency, error) {
	if t.failed != nil || len(t.all) == 0 {
		return latency{}, cmp.Or(t.failed, errBusy)
	}
	slices.Sort(t.all)
	return latency{t.all[len(t.all)/2], t.all[len(t.all)*99/100], float64(t.busy) / float64(t.busy+len(t.all))}, nil
}
