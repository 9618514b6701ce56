package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// installation is rollcall-webhook as deploy/ installs it beside Karmada, two replicas behind a Service. The host
// cluster's API server and Karmada's are one here.
type installation struct {
	*controlplane.ControlPlane
	source   *source
	service  *service
	replicas []*replica

	program, kubeconfig string
	// namespace is that of the webhook's account, and apiServer the ID that the API server has in testdata/fleet.
	namespace, apiServer string
	// args are the Deployment's.
	args []string
	// warnings are what the API server said beside its answers to writer.
	warnings *warnings
	// writer has all rights.
	writer client.Client
}

// replica is one process of the webhook.
type replica struct {
	*controlplane.Process
	reviews, status string // addresses
}

// account is the webhook's ServiceAccount, and namespace and name beside Karmada of all that is its own.
const account, namespace = "rollcall-webhook", "karmada-system"

// apiServerVariable is what Flux puts the API server's ID in the place of.
const apiServerVariable = "${ROLLCALL_API_SERVER}"

// install starts Karmada, applies what deploy/ has, and starts two replicas with testdata/fleet as their first
// revision. Before are objects that are there before the webhook is.
func install(t *testing.T, before string) *installation {
	i := prepare(t, controlplane.Options{Failover: true, Clusters: true}, namespace,
		"talos-ottawa/karmada-system/karmada-kubeconfig")
	i.Apply(t, before)
	i.apply(t, "karmada/apiserver", "karmada/self-made")
	for range 2 {
		i.startReplica(t)
	}
	i.await(t, "the webhook to be asked", i.asked)
	return i
}

// prepare starts an API server, and builds the webhook.
func prepare(t *testing.T, options controlplane.Options, namespace, apiServer string) *installation {
	t.Helper()
	i := &installation{
		ControlPlane: controlplane.Start(t, options),
		program:      filepath.Join(t.TempDir(), "rollcall-webhook"),
		kubeconfig:   filepath.Join(t.TempDir(), "kubeconfig"),
		namespace:    namespace, apiServer: apiServer,
		warnings: &warnings{},
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", i.program, "./cmd/webhook")
	build.Dir = filepath.Dir(testdata)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	config := rest.CopyConfig(i.Config)
	config.WarningHandlerWithContext = i.warnings
	var err error
	if i.writer, err = client.New(config, client.Options{}); err != nil {
		t.Fatal(err)
	}
	i.source = startSource(t, i.ControlPlane)
	i.source.push(t, revision(t, "fleet"))
	i.service = startService(t)
	return i
}

// apply applies overlays of deploy/. The Service leads to this machine.
func (i *installation) apply(t *testing.T, overlays ...string) {
	t.Helper()
	_, port, _ := strings.Cut(i.service.address, ":")
	for _, overlay := range overlays {
		for _, o := range built(t, overlay) {
			if o.GetKind() == "Deployment" {
				i.args = i.argsOf(t, o)
			}
			if o.GetKind() == "Service" && i.namespace != namespace {
				o.Object["spec"] = map[string]any{"type": "ExternalName", "externalName": "localhost"}
			}
			data, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			i.Apply(t, strings.NewReplacer(account+"."+namespace+".svc:443", i.service.address, apiServerVariable,
				i.apiServer,
				`"port":443,"path"`, `"port":`+port+`,"path"`, `"path":"/validate/`+apiServerVariable+`","port":443`,
				`"path":"/validate/`+i.apiServer+`","port":`+port).Replace(string(data)))
		}
	}
	i.makeKubeconfig(t)
}

// built is what an overlay of deploy/ comes to.
func built(t *testing.T, overlay string) (objects []*unstructured.Unstructured) {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(
		filesys.MakeFsOnDisk(), "../../deploy/"+overlay)
	if err != nil {
		t.Fatal(err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return controlplane.Objects(t, string(text))
}

// argsOf are those of a Deployment's container, with the variables of its env.
func (i *installation) argsOf(t *testing.T, deployment *unstructured.Unstructured) (args []string) {
	t.Helper()
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("%d containers: %v", len(containers), err)
	}
	container := containers[0].(map[string]any)
	variables := []string{"$(POD_NAMESPACE)", i.namespace}
	for _, v := range container["env"].([]any) {
		if value, ok := v.(map[string]any)["value"].(string); ok {
			variables = append(variables, "$("+v.(map[string]any)["name"].(string)+")",
				strings.ReplaceAll(value, apiServerVariable, i.apiServer))
		}
	}
	for _, arg := range container["args"].([]any) {
		args = append(args, strings.NewReplacer(variables...).Replace(arg.(string)))
	}
	return args
}

// makeKubeconfig writes the kubeconfig of the webhook's account.
func (i *installation) makeKubeconfig(t *testing.T) {
	t.Helper()
	token := &authenticationv1.TokenRequest{}
	who := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: account}}
	if err := i.Client.SubResource("token").Create(t.Context(), who, token); err != nil {
		t.Fatal(err)
	}
	config := &rest.Config{Host: i.Config.Host, BearerToken: token.Status.Token}
	config.CAData = i.Config.CAData
	if err := controlplane.WriteKubeconfig(config, i.kubeconfig); err != nil {
		t.Fatal(err)
	}
}

// startReplica starts a replica and sends it reviews once it is ready. Its flags are the Deployment's, but for
// addresses and files of this machine.
func (i *installation) startReplica(t *testing.T) *replica {
	t.Helper()
	r := &replica{reviews: fmt.Sprintf("127.0.0.1:%d", controlplane.FreePort(t)),
		status: fmt.Sprintf("127.0.0.1:%d", controlplane.FreePort(t))}
	r.Process = i.Run(t, fmt.Sprintf("%s-%d", account, len(i.replicas)+1), i.program,
		append(i.args[:len(i.args):len(i.args)],
			"--listen="+r.reviews, "--status-listen="+r.status, "--kubeconfig="+i.kubeconfig,
			"--source-kubeconfig="+i.kubeconfig,
			"--cert-dns-name=localhost")...)
	i.replicas = append(i.replicas, r)
	i.service.add(r)
	i.await(t, "the replica to be ready", r.ready)
	return r
}

// await is controlplane.Await, and fails at once when a replica has ended that nobody has ended.
func (i *installation) await(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	controlplane.Await(t, what, func(ctx context.Context) error {
		for _, r := range i.replicas {
			if err := r.Running(); err != nil {
				t.Fatal(err)
			}
		}
		return check(ctx)
	})
}

// takeReplica gives up a replica, which whoever takes it will end.
func (i *installation) takeReplica() *replica {
	r := i.replicas[0]
	i.replicas = slices.Clone(i.replicas[1:])
	return r
}

// asked is an error as long as the API server does not ask the webhook about policies.
func (i *installation) asked(ctx context.Context) error {
	err := i.writer.Create(ctx, bad("asked"), client.DryRunAll)
	if refused(err, policies, "policy-names-members") {
		return nil
	}
	return fmt.Errorf("the API server says: %v", err)
}

// serves is an error unless all replicas judge by the revision.
func (i *installation) serves(revision string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, r := range i.replicas {
			var fleet struct{ Revision string }
			text, err := r.get(ctx, "/fleet")
			if err == nil {
				err = json.Unmarshal([]byte(text), &fleet)
			}
			if err != nil {
				return err
			}
			if fleet.Revision != revision {
				return fmt.Errorf("a replica serves %s", fleet.Revision)
			}
		}
		return nil
	}
}

func (r *replica) ready(ctx context.Context) error {
	_, err := r.get(ctx, "/readyz")
	return err
}

// get reads a page of the status server.
func (r *replica) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.status+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, text)
	}
	return string(text), err
}

// metric is what a replica says of a metric with its labels; empty for nothing.
func (r *replica) metric(t *testing.T, name string) string {
	t.Helper()
	text, err := r.get(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// warnings are those that an API server gives, as kubectl prints them.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (w *warnings) HandleWarningHeaderWithContext(ctx context.Context, _ int, _, text string) {
	if said, ok := ctx.Value(own{}).(*[]string); ok {
		*said = append(*said, text)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// take are the warnings since the last call.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.said
	w.said = nil
	return said
}
