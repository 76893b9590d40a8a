#pragma once

#include <simt/runtime_api.h>
