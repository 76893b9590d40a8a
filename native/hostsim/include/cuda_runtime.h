// Takes the place of the toolkit's header where kernels are compiled for the host simulator.
#pragma once

#include <simt/intrinsics.h>
#include <simt/launch.h>
#include <simt/runtime_api.h>
