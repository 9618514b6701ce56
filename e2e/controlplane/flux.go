package controlplane

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Flux is an API server that Flux reconciles, without containers: source-, kustomize- and helm-controller as processes.
type Flux struct {
	*APIServer
	// Git is the URL of the folder that holds the repositories: that of Push is Git + "/" + name + ".git".
	Git string

	repositories string
}

// fluxModules have the controllers' CRDs in config/crd/bases.
var fluxModules = []string{"source-controller", "kustomize-controller", "helm-controller"}

// StartFlux starts an API server with Flux's CRDs and controllers and a Git server, and waits until they are ready.
// install is called before the controllers start; nil for nothing.
func StartFlux(t testing.TB, install func(*ControlPlane)) *Flux {
	t.Helper()
	c := Start(t, Options{Plain: true})
	if install != nil {
		install(c)
	}
	f := &Flux{APIServer: c.APIServer, repositories: t.TempDir()}
	f.serveGit(t)
	modules := filepath.Join(filepath.Dir(serversDir(t)), "fluxservers")
	binaries := output(t, serversDir(t), "go", "run", ".", modules)
	for _, name := range fluxModules {
		crds, err := filepath.Glob(filepath.Join(output(t, modules, "go", "list", "-m", "-f", "{{.Dir}}",
			"github.com/fluxcd/"+name), "config", "crd", "bases", "*.yaml"))
		must(t, err)
		for _, file := range crds {
			text, err := os.ReadFile(file)
			must(t, err)
			for _, crd := range c.Apply(t, string(text)) {
				Await(t, crd.GetName()+" to be established", func(ctx context.Context) error {
					return c.hasCondition(ctx, crd, "Established", "True")
				})
			}
		}
	}
	must(t, c.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "flux-system"}}))
	for _, name := range fluxModules {
		health := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
		// kustomize-controller deletes the folders of its own name in TMPDIR when it starts; HOME
		// has no key of the user's.
		home := t.TempDir()
		args := []string{"KUBECONFIG=" + c.Kubeconfig, "RUNTIME_NAMESPACE=flux-system", "TMPDIR=" + home,
			"HOME=" + home,
			filepath.Join(binaries, name), "--metrics-addr=0", "--health-addr=" + health, "--events-addr=",
			"--log-encoding=console"}
		if name == "source-controller" {
			storage := fmt.Sprintf("127.0.0.1:%d", FreePort(t))
			args = append(args, "--storage-path="+t.TempDir(), "--storage-addr="+storage, "--storage-adv-addr="+storage)
		} else {
			args = append(args, "--requeue-dependency=2s", "--http-retry=1")
		}
		p := c.Run(t, name, "env", args...)
		c.awaitHealthy(t, p, "http://"+health+"/readyz")
	}
	return f
}

// serveGit serves the repositories by git's own program for that.
func (f *Flux) serveGit(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	backend := &cgi.Handler{Path: filepath.Join(output(t, ".", "git", "--exec-path"), "git-http-backend"), Root: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + f.repositories, "GIT_HTTP_EXPORT_ALL=1"}}
	server := &http.Server{Handler: backend}
	go func() { _ = server.Serve(l) }() // it ends with Close
	t.Cleanup(func() { server.Close() })
	f.Git = "http://" + l.Addr().String()
}

// Push makes the files, by name, the only content of the branch main of a repository, which need not exist.
func (f *Flux) Push(t testing.TB, repository string, files map[string]string) {
	t.Helper()
	work, bare := t.TempDir(), filepath.Join(f.repositories, repository+".git")
	for name, text := range files {
		file := filepath.Join(work, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(text), 0o600))
	}
	if _, err := os.Stat(bare); err != nil {
		f.git(t, f.repositories, "init", "--quiet", "--bare", "--initial-branch=main", bare)
	}
	f.git(t, work, "init", "--quiet", "--initial-branch=main")
	f.git(t, work, "add", "--all", "--force")
	f.git(t, work, "commit", "--quiet", "--allow-empty", "--message=tree")
	f.git(t, work, "push", "--quiet", "--force", bare, "main")
}

func (f *Flux) git(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append(
		[]string{"-c", "user.name=e2e", "-c", "user.email=e2e@example.test"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}
