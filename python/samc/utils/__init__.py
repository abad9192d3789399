# SPDX-License-Identifier: Apache-2.0
"""Helpers under the names of segment_anything.utils."""
