// Kubernetes's server of custom resources alone: the reference of the conformance tests.
package main

import (
	"os"

	"k8s.io/apiextensions-apiserver/pkg/cmd/server"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
)

func main() {
	command := server.NewServerCommand(genericapiserver.SetupSignalContext(), os.Stdout, os.Stderr)
	os.Exit(cli.Run(command))
}
