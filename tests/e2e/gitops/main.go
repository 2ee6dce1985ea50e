// What Argo CD and Flux do to a server, with their own libraries: commands are JSON lines on stdin, each answered by a JSON
// line on stdout.
//
//	gitops KUBECONFIG
//
// argo.go has the commands of Argo CD's engine, flux.go those of Flux's resource manager. An answer whose "error" is not
// empty is one that the tool would report; what is in no way expected ends the program.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const patience = 60 * time.Second

// request is a command; which of its fields matter depends on Do.
type request struct {
	Do         string                       `json:"do"`
	Manifests  []*unstructured.Unstructured `json:"manifests"`
	ServerSide bool                         `json:"serverSide"`
	How        string                       `json:"how"`      // of argo-diff: "", "structured" or "server"
	Force      bool                         `json:"force"`    // of flux-apply: objects with immutable changes are made anew
	Takeover   []string                     `json:"takeover"` // of flux-apply: whose fields become those of Flux
	Seconds    int                          `json:"seconds"`  // of flux-wait: how long
}

// answer holds one text per object, by its name.
type answer struct {
	Error   string            `json:"error"`
	Objects map[string]string `json:"objects"`
	Kinds   []string          `json:"kinds,omitempty"`
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func failed(err error) answer {
	return answer{Error: err.Error()}
}

func connect(path string) *rest.Config {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	die(err)
	config.QPS, config.Burst, config.Timeout = 1000, 1000, 0
	config.UserAgent = "gitops"
	return config
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gitops KUBECONFIG")
		os.Exit(2)
	}
	log.SetLogger(logr.Discard())
	config := connect(os.Args[1])
	argo, flux := newArgo(config), newFlux(config)
	commands := map[string]func(context.Context, request) answer{
		"argo-cache": argo.load, "argo-live": argo.live, "argo-diff": argo.diff, "argo-sync": argo.sync,
		"flux-apply": flux.apply, "flux-diff": flux.diff, "flux-wait": flux.wait, "flux-delete": flux.delete,
	}
	input, output := json.NewDecoder(bufio.NewReader(os.Stdin)), json.NewEncoder(os.Stdout)
	for {
		var order request
		err := input.Decode(&order)
		if err == io.EOF {
			return
		}
		die(err)
		command := commands[order.Do]
		if command == nil {
			die(fmt.Errorf("there is no command %q", order.Do))
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		die(output.Encode(command(ctx, order)))
		cancel()
	}
}
